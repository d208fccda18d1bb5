#!/usr/bin/env bash
# Asks for everything with curl, and writes what it got to standard output, as
# JSON. With an argument it makes that video and waits for it.
set -euo pipefail

call() { curl --silent --show-error --no-buffer --max-time 300 -H 'Content-Type: application/json' "$@"; }
ask() { call -H "Authorization: Bearer $KEY" "$@"; }

# text gives what the "content" of each line of JSON holds, still escaped.
text() { grep -o '"content":"\([^"\\]\|\\.\)*"' | sed 's/^"content":"//; s/"$//' | tr -d '\n'; }
link() { grep -o 'https\?://[^]\\" )]*/v1/media/[^]\\" )]*/\(image\|video\)[^]\\" )]*' | tail -n 1; }

# refused gives the status of a call and the code of its error.
refused() { call -w ' %{http_code}' "$@" | sed 's/.*"code":"\([a-z_]*\)".* \([0-9]*\)$/curl \2 \1/'; }

images=$BASE/v1/images/generations videos=$BASE/v1/video/generations chat=$BASE/v1/chat/completions
if [ $# -gt 0 ]; then
	printf '{"video":"%s"}' "$(ask "$videos" -d "{\"prompt\":\"$1\"}" | link)"
	exit
fi

hello='"model":"doubao","messages":[{"role":"user","content":"good morning"}]'

# A log that is left when its job runs, and read on from another process.
head=$(mktemp)
trap 'rm -f "$head"' EXIT
ask -D "$head" -o /dev/null -H 'Prefer: respond-async' "$videos" -d '{"prompt":"sim:ready=3s a film left by curl"}'
job=$(sed -n 's/^x-job-id: *\([a-z0-9]*\).*/\1/Ip' "$head")
first=$(ask --max-time 1 "$BASE/v1/jobs/$job/events" 2>/dev/null || true)
last=$(sed -n 's/^id: *//p' <<<"$first" | tail -n 1)
rest=$(ask -H "Last-Event-ID: $last" "$OTHER/v1/jobs/$job/events")
seqs=$(sed -n 's/^id: *//p' <<<"$first"$'\n'"$rest" | paste -sd,)

cat <<JSON
{
  "chat": "$(ask "$chat" -d "{$hello}" | text)",
  "chat_stream": "$(ask "$chat" -d "{$hello,\"stream\":true}" | text)",
  "image": "$(ask "$images" -d '{"prompt":"an image by curl"}' | link)",
  "image_stream": "$(ask "$images" -d '{"prompt":"an image streamed by curl","stream":true}' | link)",
  "video_stream": "$(ask "$videos" -d '{"prompt":"a film streamed by curl","stream":true}' | link)",
  "resumed": "$(link <<<"$rest")",
  "seqs": [$seqs],
  "errors": [
    "$(refused -H 'Authorization: Bearer sk-unknown' "$images" -d '{"prompt":"x"}')",
    "$(refused -H "Authorization: Bearer $OWN" "$chat" -d '{"model":"doubao","messages":[{"role":"user","content":"sim:429"}]}')",
    "$(refused -H "Authorization: Bearer $KEY" "$images" -d '{"prompt":""}')",
    "$(refused -H "Authorization: Bearer $KEY" "$BASE/v1/jobs/00000000000000000000000000")"
  ]
}
JSON
