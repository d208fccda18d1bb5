#!/usr/bin/env bash
# dry-run.sh has a real API server take the manifests: etcd and kube-apiserver of the
# pinned modules, on 127.0.0.1, with the CRDs of KEDA and the prometheus-operator. It
# finds what schemas do not say: what the server itself checks, rules within CRDs,
# admission by the Pod Security Standard, fields that two appliers fight over.
#
# The first run builds the programs, which takes about ten minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/../.."

. deploy/k8s/control-plane.sh

# apply ... takes manifests as strictly as the server can: unknown and doubled fields,
# and warnings, such as those of the Pod Security Standard, are errors.
apply() { k apply --server-side --validate=strict --warnings-as-errors "$@"; }

for overlay in dev prod; do
	dir=deploy/k8s/overlays/$overlay
	# What is only tried is not there for what follows, so the namespace is made.
	apply -f "$dir/namespace.yaml" >/dev/null
	apply --dry-run=server -k "$dir" >"$work/tried"
	say "$overlay: $(wc -l <"$work/tried") objects pass the dry run"
	apply -k "$dir" >/dev/null
	k diff --server-side -k "$dir" || die "$overlay: a second apply would change something"
	say "$overlay: applied, and a second time would change nothing"
done

# And it tells what is wrong.
refused() {
	if apply --dry-run=server -f - >"$work/refused" 2>&1; then die "the server takes $1"; fi
	grep -q "$2" "$work/refused" || { cat "$work/refused" >&2; die "the server refuses $1 for another reason"; }
}
refused "an unknown field" 'spec.prots: field not declared in schema' <<<'{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": "tintype"}, "spec": {"prots": []}}'
refused "a pod that is not restricted" 'violate PodSecurity' <<<'{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x", "namespace": "tintype"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "x", "image": "x"}]}}}}'
refused "a ScaledObject without triggers" 'spec.triggers' <<<'{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "x", "namespace": "tintype"}, "spec": {"scaleTargetRef": {"name": "x"}}}'
say "and it refuses what is wrong"
