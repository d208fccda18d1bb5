#!/usr/bin/env bash
# prove.sh shows, without a container engine, that the image works: it runs the build
# stage's commands into a directory, mounts that read-only, and starts the programs in
# it by chroot as user 65532, with a Redis and a versitygw of their own outside. An
# image is then made and fetched through the API.
#
# It must be root, for the mount and the chroot; everything it starts listens on
# 127.0.0.1 and ends with it.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf '== %s\n' "$*"; }
die() {
	printf '== %s\n' "$*" >&2
	exit 1
}

[ "$(id -u)" -eq 0 ] || die "prove.sh must be root: it mounts the image's root read-only and calls chroot"
# Mounts of its own, which end with it.
[ "${1:-}" = inside ] || exec unshare --mount --propagation private "$0" inside

internal/tools/install.sh redis-server versitygw curl
work=$(mktemp -d)
pids=()
stop_all() {
	local pid
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	umount "$work/root" 2>/dev/null || true
	rm -rf "$work"
}
trap stop_all EXIT
chmod 755 "$work"

# ── What the build stage does ─────────────────────────────────────────────────

root=$work/root
deploy/image/build.sh "$root"
say "the files of the image:"
(cd "$root" && find . -not -type d -printf '   %10s  %m  %p  %l\n')

bytes=$(du -sb "$root" | cut -f1)
packed=$(tar -C "$root" -c . | gzip -9 | wc -c)
mib() { awk -v b="$1" 'BEGIN { printf "%.1f MiB", b / 1048576 }'; }
say "$(mib "$bytes") unpacked, $(mib "$packed") as a registry keeps it"
[ "$packed" -lt $((40 << 20)) ] || die "that is 40 MiB or more"

file -L "$root/usr/local/bin/tintype" | grep -q 'statically linked' || die "the program is not static"

say "the same source elsewhere gives the same bytes"
for copy in one two/with/a/longer/path; do
	mkdir -p "$work/$copy"
	git ls-files -z --cached --others --exclude-standard | xargs -0 -I{} sh -c '[ ! -e "$1" ] || printf "%s\0" "$1"' _ {} |
		tar --null -T - -c | tar -C "$work/$copy" -x
	"$work/$copy/deploy/image/build.sh" "$work/$copy/root"
done
cmp "$work/one/root/usr/local/bin/tintype" "$work/two/with/a/longer/path/root/usr/local/bin/tintype"
rm -rf "$work/one" "$work/two"

# ── What the engine does ──────────────────────────────────────────────────────

mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
! touch "$root/etc/written" 2>/dev/null || die "the root can be written to"

settings=()
# inside PROGRAM ARGUMENTS... runs as the engine would.
inside() { exec env -i "${settings[@]}" "$(command -v chroot)" --userspec=65532:65532 "$root" "$@"; }

# port gives one below the range of outgoing connections that nobody has.
port() {
	local p
	while p=$((10000 + RANDOM % 20000)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || break
	done
	echo "$p"
}
# until_says URL TEXT waits for an answer that holds the text.
until_says() {
	local i
	for ((i = 0; i < 300; i++)); do
		curl -fsS --max-time 5 "$1" 2>/dev/null | grep -q "$2" && return
		sleep 0.1 # curl's own retries know nothing of the text
	done
	cat "$work"/*.log >&2
	die "$1 did not say $2 within half a minute"
}

redis=$(port) s3=$(port) sim=$(port) api=$(port) worker=$(port)
mkdir "$work/redis" "$work/buckets"
redis-server --bind 127.0.0.1 --port "$redis" --dir "$work/redis" --save "" --appendonly yes --appendfsync always --maxmemory-policy noeviction >"$work/redis.log" 2>&1 &
pids+=($!)
"$(cd internal/tools/versitygw && go tool -n versitygw)" --access proof --secret proof-secret --quiet --health /health --port "127.0.0.1:$s3" posix "$work/buckets" >"$work/s3.log" 2>&1 &
pids+=($!)

settings=(
	TINTYPE_REDIS_URL="redis://127.0.0.1:$redis/0"
	TINTYPE_STORAGE_S3_ENDPOINT="http://127.0.0.1:$s3" TINTYPE_STORAGE_S3_BUCKET=tintype
	TINTYPE_STORAGE_S3_ACCESS_KEY_ID=proof TINTYPE_STORAGE_S3_SECRET_ACCESS_KEY=proof-secret
	TINTYPE_SERVER_ADDR="127.0.0.1:$api" TINTYPE_WORKER_ADDR="127.0.0.1:$worker"
	TINTYPE_AUTH_PASS_THROUGH=false TINTYPE_AUTH_ALLOW_POOLED=always
	TINTYPE_UPSTREAMS_0_NAME=ark TINTYPE_UPSTREAMS_0_BASE_URL="http://127.0.0.1:$sim/api/v3" TINTYPE_UPSTREAMS_0_ALLOW_PRIVATE=true
	TINTYPE_UPSTREAMS_0_ACCOUNTS_0_ID=ark-1 TINTYPE_UPSTREAMS_0_ACCOUNTS_0_KEY=sim-proof
	TINTYPE_UPSTREAMS_0_ACCOUNTS_0_QUOTA_ZONE=Asia/Shanghai # the image has no other zones than the program's own
)
until_says "http://127.0.0.1:$s3/health" ''
(inside /usr/local/bin/tintype bucket init)
(inside /usr/local/bin/tintype sim --addr "127.0.0.1:$sim" --image-time 100ms) >"$work/sim.log" 2>&1 &
pids+=($!)
(inside /usr/local/bin/api) >"$work/api.log" 2>&1 &
pids+=($!)
api_pid=$!
(inside /usr/local/bin/worker) >"$work/worker.log" 2>&1 &
pids+=($!)
worker_pid=$!

until_says "http://127.0.0.1:$api/healthz" ok
until_says "http://127.0.0.1:$worker/readyz" ready
grep -q "^Uid:[[:space:]]*65532[[:space:]]*65532" "/proc/$api_pid/status" || die "the API does not run as 65532"
say "api and worker answer, as $(awk '/^Uid:/ {print $2}' "/proc/$api_pid/status"), on a root that is read-only"

(inside /usr/local/bin/api health) || die "the API's health check fails"
(inside /usr/local/bin/worker health) || die "the worker's health check fails"
(inside /usr/local/bin/tintype health "http://127.0.0.1:$sim/_sim/") || die "the simulator's health check fails"
! (inside /usr/local/bin/tintype health "http://127.0.0.1:$(port)/readyz") 2>/dev/null || die "a health check of nothing succeeds"
say "the health checks tell"

answer=$(curl -fsS --max-time 60 "http://127.0.0.1:$api/v1/images/generations" -H 'Authorization: Bearer pooled' -H 'Content-Type: application/json' -d '{"prompt": "a tintype of a fox"}')
link=$(grep -o '"url":"[^"]*"' <<<"$answer" | head -1 | cut -d'"' -f4)
curl -fsS --max-time 30 -o "$work/image" "$link"
file "$work/image" | grep -qE 'JPEG|PNG' || die "$link leads to no image"
say "an image was made and fetched: $(file -b "$work/image" | cut -c1-60)"

kill "$api_pid" "$worker_pid"
wait "$api_pid" || die "the API ended with exit code $?"
wait "$worker_pid" || die "the worker ended with exit code $?"
say "both ended on SIGTERM with exit code 0. It works."
