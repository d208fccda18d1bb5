#!/usr/bin/env bash
# prove.sh shows, without a container engine, that the images work: it runs the build
# stages' commands into directories, mounts those read-only, and starts the programs in
# them by chroot as user 65532, with a Redis and a versitygw of their own outside. An
# image is then made, by the simulator of its own image, and fetched through the API.
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

[ "$(id -u)" -eq 0 ] || die "prove.sh must be root: it mounts the images' roots read-only and calls chroot"
# Mounts of its own, which end with it.
[ "${1:-}" = inside ] || exec unshare --mount --propagation private "$0" inside

internal/tools/install.sh redis-server versitygw curl
work=$(mktemp -d)
pids=()
stop_all() {
	local pid
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	umount "$work/tintype" "$work/sim" 2>/dev/null || true
	rm -rf "$work"
}
trap stop_all EXIT
chmod 755 "$work"

# ── What the build stages do ──────────────────────────────────────────────────

mib() { awk -v b="$1" 'BEGIN { printf "%.1f MiB", b / 1048576 }'; }
# build IMAGE LIMIT makes an image's root and looks at it; the limit is in MiB, packed.
build() {
	local root=$work/$1 bytes packed
	deploy/image/build.sh "$root" "$1"
	say "the files of the image $1:"
	(cd "$root" && find . -not -type d -printf '   %10s  %m  %p  %l\n')
	bytes=$(du -sb "$root" | cut -f1)
	packed=$(tar -C "$root" -c . | gzip -9 | wc -c)
	say "$(mib "$bytes") unpacked, $(mib "$packed") as a registry keeps it"
	[ "$packed" -lt $(($2 << 20)) ] || die "that is $2 MiB or more"
	file -L "$root/usr/local/bin/tintype" | grep -q 'statically linked' || die "the program is not static"
}
build tintype 40
build sim 10

say "the same source elsewhere gives the same bytes"
for copy in one two/with/a/longer/path; do
	mkdir -p "$work/$copy"
	git ls-files -z --cached --others --exclude-standard | xargs -0 -I{} sh -c '[ ! -e "$1" ] || printf "%s\0" "$1"' _ {} |
		tar --null -T - -c | tar -C "$work/$copy" -x
	for image in tintype sim; do "$work/$copy/deploy/image/build.sh" "$work/$copy/root/$image" "$image"; done
done
for image in tintype sim; do
	cmp "$work/one/root/$image/usr/local/bin/tintype" "$work/two/with/a/longer/path/root/$image/usr/local/bin/tintype"
done
rm -rf "$work/one" "$work/two"

# ── What the engine does ──────────────────────────────────────────────────────

for image in tintype sim; do
	mount --bind "$work/$image" "$work/$image"
	mount -o remount,bind,ro "$work/$image"
	! touch "$work/$image/etc/written" 2>/dev/null || die "the root of $image can be written to"
done

settings=()
# inside IMAGE PROGRAM ARGUMENTS... runs as the engine would.
inside() { exec env -i "${settings[@]}" "$(command -v chroot)" --userspec=65532:65532 "$work/$1" "${@:2}"; }

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
(inside tintype /usr/local/bin/tintype bucket init)
(inside sim /usr/local/bin/tintype sim --addr "127.0.0.1:$sim" --image-time 100ms) >"$work/sim.log" 2>&1 &
pids+=($!)
sim_pid=$!
(inside tintype /usr/local/bin/api) >"$work/api.log" 2>&1 &
pids+=($!)
api_pid=$!
(inside tintype /usr/local/bin/worker) >"$work/worker.log" 2>&1 &
pids+=($!)
worker_pid=$!

until_says "http://127.0.0.1:$api/healthz" ok
until_says "http://127.0.0.1:$worker/readyz" ready
grep -q "^Uid:[[:space:]]*65532[[:space:]]*65532" "/proc/$api_pid/status" || die "the API does not run as 65532"
grep -q "^Uid:[[:space:]]*65532[[:space:]]*65532" "/proc/$sim_pid/status" || die "the simulator does not run as 65532"
say "api, worker and simulator answer, as $(awk '/^Uid:/ {print $2}' "/proc/$api_pid/status"), on roots that are read-only"

(inside tintype /usr/local/bin/api health) || die "the API's health check fails"
(inside tintype /usr/local/bin/worker health) || die "the worker's health check fails"
(inside sim /usr/local/bin/tintype health "http://127.0.0.1:$sim/_sim/") || die "the simulator's health check fails"
for image in tintype sim; do
	! (inside "$image" /usr/local/bin/tintype health "http://127.0.0.1:$(port)/readyz") 2>/dev/null || die "a health check of nothing succeeds in $image"
done
say "the health checks tell"
! (inside sim /usr/local/bin/tintype run) 2>"$work/run.log" || die "the simulator's image runs the service"
grep -q 'but sim, health, version' "$work/run.log" || die "the simulator's image does not say what it has"
say "the simulator's image is the simulator alone"

answer=$(curl -fsS --max-time 60 "http://127.0.0.1:$api/v1/images/generations" -H 'Authorization: Bearer pooled' -H 'Content-Type: application/json' -d '{"prompt": "a tintype of a fox"}')
link=$(grep -o '"url":"[^"]*"' <<<"$answer" | head -1 | cut -d'"' -f4)
curl -fsS --max-time 30 -o "$work/image" "$link"
file "$work/image" | grep -qE 'JPEG|PNG' || die "$link leads to no image"
say "an image was made and fetched: $(file -b "$work/image" | cut -c1-60)"

kill "$api_pid" "$worker_pid" "$sim_pid"
wait "$api_pid" || die "the API ended with exit code $?"
wait "$worker_pid" || die "the worker ended with exit code $?"
wait "$sim_pid" || die "the simulator ended with exit code $?"
say "all ended on SIGTERM with exit code 0. It works."
