#!/bin/sh
# Enters a node: its cgroup, its network, then new mount, pid and uts namespaces whose first process is node-init.sh.
#   node-enter.sh NETWORK_NAMESPACE CGROUP INIT [ARGUMENTS OF INIT]
# The shell replaces itself, so the process that was started is the one whose end is the node's end.
set -eu
network=$1 cgroup=$2 init=$3
shift 3
# Containers may not lower their score below their parent's without a right that small machines do not give.
echo 0 >/proc/self/oom_score_adj
echo $$ >"$cgroup/cgroup.procs"
exec nsenter "--net=$network" unshare --mount --pid --uts --fork --kill-child --mount-proc --propagation private \
	bash "$init" "$@"
