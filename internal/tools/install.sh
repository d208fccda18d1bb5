#!/usr/bin/env bash
# install.sh NAME... sees to it that the named programs are here and says what
# it does. The Makefile calls it; each target names what it needs.
#
#   redis-server, gcc, npm, nginx,       from Debian's packages, by apt-get,
#   curl, python3, chromium, openssl     unless they are there; npm with nodejs
#   promtool                             out of Debian's package prometheus
#   versitygw, minio, golangci-lint,     built from the pinned tool modules
#   etcd, kwok, kubectl, kube-apiserver, beside this file into Go's build cache
#   kube-controller-manager, kube-scheduler
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '== %s\n' "$*"; }
die() {
	printf '== %s\n' "$*" >&2
	exit 1
}

# apt PACKAGE... installs Debian packages.
apt() {
	command -v apt-get >/dev/null || die "not found: $1. This is no Debian: install $* with your system's package manager and run make again."
	local root=()
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || die "not found: $1. Run as root: apt-get install --no-install-recommends $*"
		root=(sudo)
	fi
	say "installing $* with ${root[*]:+${root[*]} }apt-get"
	local get=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
	local install=("${get[@]}" install --yes --no-install-recommends "$@")
	# The package lists may be missing (a fresh container) or out of date; only
	# what fails after an update is worth showing.
	local output
	"${install[@]}" >/dev/null 2>&1 && return
	output=$("${get[@]}" update 2>&1 && "${install[@]}" 2>&1) || {
		printf '%s\n' "$output" >&2
		die "apt-get could not install $*"
	}
}

# fetch_promtool takes the one program out of Debian's package prometheus. Installed, the
# package would start a Prometheus that nobody has asked for.
fetch_promtool() {
	command -v apt-get >/dev/null || die "not found: promtool. This is no Debian: install Prometheus with your system's package manager and run make again."
	local root=()
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || die "not found: promtool. Put the one of Debian's package prometheus, or of https://prometheus.io/download/, into your PATH."
		root=(sudo)
	fi
	say "fetching promtool out of Debian's package prometheus into /usr/local/bin"
	local dir
	dir=$(mktemp -d)
	(
		cd "$dir"
		apt-get -qq download prometheus >/dev/null 2>&1 || {
			"${root[@]}" apt-get -qq -o DPkg::Lock::Timeout=120 update && apt-get -qq download prometheus
		} >log 2>&1 || { cat log >&2 && false; }
		dpkg-deb --fsys-tarfile prometheus_*.deb | tar -xO ./usr/bin/promtool >promtool
		"${root[@]}" install -m 755 promtool /usr/local/bin/promtool
	) || die "promtool could not be fetched"
	rm -r "$dir"
}

# tool NAME MODULE [LONG] builds a program unless the build cache has it.
tool() {
	cd "$2"
	(
		sleep 1 >/dev/null 2>&1
		say "building $1 from its pinned module (once, ${3:-a minute or three})"
	) &
	local note=$!
	local built=0
	go tool -n "$1" >/dev/null || built=$?
	kill "$note" 2>/dev/null || true
	wait "$note" 2>/dev/null || true
	[ "$built" -eq 0 ] || die "could not build $1 in internal/tools/$2"
	cd ..
}

# compiles tells whether cgo, which the race detector needs, has a compiler
# and the C library's headers.
compiles() { echo '#include <stdlib.h>' | gcc -fsyntax-only -xc - 2>/dev/null; }

command -v go >/dev/null || die "not found: go. Install Go 1.26 or later from https://go.dev/dl/ and run make again."
for need in "$@"; do
	case $need in
	redis-server) command -v redis-server >/dev/null || apt redis-server ;;
	gcc) compiles || apt gcc libc6-dev ;;
	npm) command -v npm >/dev/null && command -v node >/dev/null || apt nodejs npm ;;
	nginx) [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null || apt nginx-light ;;
	curl | python3 | chromium | openssl) command -v "$need" >/dev/null || apt "$need" ;;
	promtool) command -v promtool >/dev/null || fetch_promtool ;;
	versitygw | minio) tool "$need" "$need" ;;
	golangci-lint) tool golangci-lint lint ;;
	etcd) tool go.etcd.io/etcd/server/v3 etcd ;;
	kwok) tool kwok kwok ;;
	kube-apiserver | kube-controller-manager | kube-scheduler | kubectl) tool "$need" kubernetes "up to ten minutes" ;;
	*) die "install.sh does not know $need" ;;
	esac
done
