#!/usr/bin/env bash
# build.sh DIR [tintype|sim] makes the root of a container image in DIR: the program,
# the authorities that TLS trusts, a user. The Dockerfile's build stages run it, and so
# does prove.sh beside it, where no container engine is at hand.
#
# Of tintype, the service, the three programs are one file: tintype, and links that call
# it by the names api and worker. Apart they would be three times 45 MiB that are nearly
# the same. Of sim it is the simulator alone, under the name tintype as well, so that
# `tintype sim` and `tintype health URL` are called as in the other image.
#
# GOOS and GOARCH say for which system. The same source and the same Go give the
# same bytes, wherever the source lies.
set -euo pipefail
root=${1:?where to: build.sh DIR [tintype|sim]}
image=${2:-tintype}
case $image in
# timetzdata: accounts have quotas that begin anew in a zone of the operator's choice.
tintype) tags=timetzdata names=(api worker) ;;
sim) tags=simonly names=() ;;
*)
	echo "build.sh: there is no image $image, but tintype and sim" >&2
	exit 2
	;;
esac
mkdir -p "$root/usr/local/bin" "$root/etc/ssl/certs"
root=$(cd "$root" && pwd)
cd "$(dirname "$0")/../.."

# Where git knows the source, the version is its tag or its commit.
CGO_ENABLED=0 go build -trimpath -buildvcs=auto -tags "$tags" -ldflags '-s -w -buildid=' -o "$root/usr/local/bin/tintype" ./cmd/tintype
for name in "${names[@]}"; do ln -sfn tintype "$root/usr/local/bin/$name"; done

cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
echo 'tintype:x:65532:65532:tintype:/:/usr/local/bin/tintype' >"$root/etc/passwd"
echo 'tintype:x:65532:' >"$root/etc/group"
# Nothing in it needs to be writable, and nobody but root could.
chmod 0755 "$root" "$root"/etc "$root"/etc/ssl "$root"/etc/ssl/certs "$root"/usr "$root"/usr/local "$root"/usr/local/bin "$root/usr/local/bin/tintype"
chmod 0644 "$root/etc/passwd" "$root/etc/group" "$root/etc/ssl/certs/ca-certificates.crt"
