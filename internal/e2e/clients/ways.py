"""Asks for everything with Python's own library, and writes what it got to standard output.

With an argument it makes that video and waits for it.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request

BASE, OTHER, KEY, OWN = (os.environ[name] for name in ("BASE", "OTHER", "KEY", "OWN"))
MESSAGES = [{"role": "user", "content": "good morning"}]


def call(path, body=None, base=BASE, key=KEY, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers |= {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    return urllib.request.urlopen(urllib.request.Request(base + path, data, headers), timeout=300)


def answer(path, body=None, **more):
    with call(path, body, **more) as response:
        got = json.load(response)
    assert "error" not in got, got
    return got


def events(response):
    """Gives each event of a stream as its id, if it has one, and its data."""
    seq = None
    for line in response:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "id":
            seq = int(value)
        elif name == "data" and value != "[DONE]":
            yield seq, json.loads(value)
            seq = None


def text_of(response):
    with response:
        return "".join(
            choice["delta"].get("content") or "" for _, chunk in events(response) for choice in chunk["choices"]
        )


def link_in(text):
    return re.findall(r"https?://[^\s)\"']+", text)[-1]  # before a film comes its cover


def link_of(job):
    return job["media"][0]["url"]


def refused(path, body=None, **more):
    try:
        answer(path, body, **more)
    except urllib.error.HTTPError as error:
        with error:
            return f"{type(error).__name__} {error.code} {json.load(error)['error']['code']}"
    return "none"


def main():
    images, videos, chat = "/v1/images/generations", "/v1/video/generations", "/v1/chat/completions"
    if len(sys.argv) > 1:
        return {"video": answer(videos, {"prompt": sys.argv[1]})["data"][0]["url"]}
    ask = {"model": "doubao", "messages": MESSAGES}
    out = {
        "chat": answer(chat, ask)["choices"][0]["message"]["content"],
        "chat_stream": text_of(call(chat, ask | {"stream": True})),
        "image": answer(images, {"prompt": "an image by python"})["data"][0]["url"],
        "image_stream": link_in(text_of(call(images, {"prompt": "an image streamed by python", "stream": True}))),
        "video_stream": link_in(text_of(call(videos, {"prompt": "a film streamed by python", "stream": True}))),
    }
    # The log of a job: left behind its second event, and read on from another process.
    job = answer(videos, {"prompt": "sim:ready=2s a film left by python"}, Prefer="respond-async")["id"]
    log = []
    with call(f"/v1/jobs/{job}/events") as response:
        for seq, event in events(response):
            if seq is not None:
                log.append((seq, event))
            if len(log) == 2:
                break
    with call(f"/v1/jobs/{job}/events", base=OTHER, Last_Event_ID=str(log[-1][0])) as response:
        log += [(seq, event) for seq, event in events(response) if seq is not None]
    out["seqs"] = [seq for seq, _ in log]
    out["resumed"] = link_of(log[-1][1]["job"])
    out["errors"] = [
        refused(images, {"prompt": "x"}, key="sk-unknown"),
        refused(chat, {"model": "doubao", "messages": [{"role": "user", "content": "sim:429"}]}, key=OWN),
        refused(images, {"prompt": ""}),
        refused("/v1/jobs/00000000000000000000000000"),
    ]
    return out


json.dump(main(), sys.stdout)
