#!/usr/bin/env bash
# control-plane.sh is sourced by the scripts beside it, from the root of the source: it
# starts etcd and a kube-apiserver of the pinned modules on 127.0.0.1, with the CRDs of
# KEDA and the prometheus-operator. They end with the script. $work is a folder for it,
# k is kubectl as an administrator of that server, pids is what ends with the script.

say() { printf '== %s\n' "$*"; }
die() {
	printf '== %s\n' "$*" >&2
	exit 1
}

internal/tools/install.sh etcd kube-apiserver kubectl openssl
tool() { (cd "internal/tools/$1" && go tool -n "$2"); }
etcd=$(tool etcd go.etcd.io/etcd/server/v3)
apiserver=$(tool kubernetes kube-apiserver)
kubectl=$(tool kubernetes kubectl)

work=$(mktemp -d)
pids=()
stop_all() {
	local pid
	# At once: a server that ends gracefully would wait for the etcd that ends beside it.
	for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$work"
}
trap stop_all EXIT

# port gives one below the range of outgoing connections that nobody has.
port() {
	local p
	while p=$((10000 + RANDOM % 20000)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || break
	done
	echo "$p"
}

client=$(port) peer=$(port) secure=$(port)
"$etcd" --data-dir "$work/etcd" --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
	--listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
	--initial-cluster "default=http://127.0.0.1:$peer" --log-level warn >"$work/etcd.log" 2>&1 &
pids+=($!)

openssl genrsa -out "$work/accounts.key" 2048 2>/dev/null
echo "proof,proof,proof,system:masters" >"$work/tokens"
"$apiserver" --etcd-servers "http://127.0.0.1:$client" --cert-dir "$work/certs" --bind-address 127.0.0.1 --secure-port "$secure" \
	--service-account-issuer https://kubernetes.default.svc --service-account-key-file "$work/accounts.key" \
	--service-account-signing-key-file "$work/accounts.key" --token-auth-file "$work/tokens" --authorization-mode RBAC \
	--service-cluster-ip-range 10.96.0.0/16 >"$work/apiserver.log" 2>&1 &
pids+=($!)

# HOME: no setting of the operator's own counts, and nothing is cached beside them.
k() { HOME=$work "$kubectl" --server "https://127.0.0.1:$secure" --insecure-skip-tls-verify --token proof "$@"; }
for ((i = 0; i < 300; i++)); do
	k get --raw /readyz >/dev/null 2>&1 && break
	kill -0 "${pids[1]}" 2>/dev/null || { tail -20 "$work/apiserver.log" >&2; die "kube-apiserver ended"; }
	sleep 0.2
done
k get --raw /readyz >/dev/null || { tail -20 "$work/apiserver.log" >&2; die "kube-apiserver is not ready after a minute"; }
say "a kube-apiserver of Kubernetes $(sed -n 's/.*k8s.io\/kubernetes \(v[0-9.]*\).*/\1/p' internal/tools/kubernetes/go.mod) answers"

# The CRDs, of the versions that the tests take their schemas from.
pinned() { sed -n "s/.*= *module{\"\(.*\)\", \"\(.*\)\", \".*/\1@\2/p" internal/deploytest/schemas_test.go | grep "$1"; }
folder() {
	local module
	module=$(pinned "$1")
	(cd "$work" && go mod download -json "$module") | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'
}
keda=$(folder kedacore/keda)/config/crd/bases
operator=$(folder prometheus-operator)/example/prometheus-operator-crd
crds=("$keda/keda.sh_scaledobjects.yaml" "$operator/monitoring.coreos.com_servicemonitors.yaml" "$operator/monitoring.coreos.com_prometheusrules.yaml")
for crd in "${crds[@]}"; do k apply --server-side -f "$crd" >/dev/null; done
for crd in "${crds[@]}"; do k wait --for condition=Established --timeout 30s -f "$crd" >/dev/null; done
