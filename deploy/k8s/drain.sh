#!/usr/bin/env bash
# drain.sh drains every node of a cluster in which the overlay prod runs, one after the
# other: no budget may hold that up, and the API must have pods all the while. The
# control plane is real; the nodes are kwok's, which run nothing and say that all is
# well.
#
# The first run builds the programs, which takes about ten minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/k8s/control-plane.sh

internal/tools/install.sh kube-controller-manager kube-scheduler kwok
cat >"$work/config" <<END
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:$secure", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: proof}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
END
"$(tool kubernetes kube-controller-manager)" --kubeconfig "$work/config" --service-account-private-key-file "$work/accounts.key" \
	--leader-elect=false --secure-port 0 --horizontal-pod-autoscaler-sync-period 2s >"$work/controllers.log" 2>&1 &
pids+=($!)
"$(tool kubernetes kube-scheduler)" --kubeconfig "$work/config" --leader-elect=false --secure-port 0 >"$work/scheduler.log" 2>&1 &
pids+=($!)
kwok=$(tool kwok kwok)
# What its nodes and pods do, as its own fast set has it: they are ready at once.
k kustomize "$(cd internal/tools/kwok && go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage/fast" >"$work/stages.yaml"
HOME=$work "$kwok" --kubeconfig "$work/config" --config "$work/stages.yaml" --manage-all-nodes=true --node-lease-duration-seconds 40 \
	--server-address "127.0.0.1:$(port)" >"$work/kwok.log" 2>&1 &
pids+=($!)

nodes=(a b c)
for node in "${nodes[@]}"; do
	k create -f - >/dev/null <<END
{"apiVersion": "v1", "kind": "Node",
 "metadata": {"name": "$node", "labels": {"kubernetes.io/hostname": "$node", "topology.kubernetes.io/zone": "zone-$node"}},
 "status": {"allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"}, "capacity": {"cpu": "8", "memory": "16Gi", "pods": "110"}}}
END
done
k wait --for condition=Ready --timeout 60s node --all >/dev/null || { tail -20 "$work/kwok.log" >&2; die "kwok's nodes are not ready"; }
say "three nodes are ready"

k apply --server-side -f deploy/k8s/overlays/prod/namespace.yaml >/dev/null
k apply --server-side -k deploy/k8s/overlays/prod >/dev/null
n() { k --namespace tintype "$@"; }
# The autoscaler has no figures here; the least number of pods it knows all the same.
for ((i = 0; i < 120; i++)); do
	[ "$(n get deployment tintype-api -o 'jsonpath={.status.readyReplicas}')" = 3 ] && break
	sleep 0.5
done
n rollout status deployment --timeout 60s >/dev/null || { n get pods -o wide >&2; die "not everything runs"; }
n get pods -o 'custom-columns=NAME:.metadata.name,NODE:.spec.nodeName'
[ "$(n get pods -l app.kubernetes.io/component=api -o 'jsonpath={.items[*].spec.nodeName}' | tr ' ' '\n' | sort -u | wc -l)" -eq 3 ] || die "the API's pods are not spread over the nodes"

for node in "${nodes[@]}"; do
	begun=$SECONDS
	k drain "$node" --ignore-daemonsets --delete-emptydir-data --timeout 120s >"$work/drain" 2>&1 || { cat "$work/drain" >&2; die "node $node cannot be drained"; }
	[ "$(n get pods --field-selector "spec.nodeName=$node,status.phase=Running" -o name | wc -l)" -eq 0 ] || die "pods are left on node $node"
	[ "$(n get deployment tintype-api -o 'jsonpath={.status.availableReplicas}')" -ge 1 ] || die "no API was left while node $node was drained"
	say "node $node is drained in $((SECONDS - begun)) s"
	k uncordon "$node" >/dev/null
	n rollout status deployment --timeout 60s >/dev/null
done

# And it would tell: this budget lets nobody go.
n patch pdb tintype-api --type json -p '[{"op": "remove", "path": "/spec/maxUnavailable"}, {"op": "add", "path": "/spec/minAvailable", "value": 3}]' >/dev/null
node=$(n get pods -l app.kubernetes.io/component=api -o 'jsonpath={.items[0].spec.nodeName}')
if k drain "$node" --ignore-daemonsets --delete-emptydir-data --timeout 10s >/dev/null 2>&1; then die "a drain passes a budget that lets nobody go: this proves nothing"; fi
say "and a budget that lets nobody go is told from one that does"
