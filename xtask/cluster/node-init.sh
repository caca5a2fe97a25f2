#!/bin/bash
# The first process of a node, in namespaces of its own. When it ends, the kernel ends everything in the node.
#   node-init.sh NAME CLUSTER_FOLDER KUBERNETES_PROGRAMS ADDRESS
set -eu
name=$1 cluster=$2 programs=$3 address=$4
disk=$cluster/$name

hostname "$name"
# Volumes that kubelet mounts must show up in containers that run already.
mount --make-rshared /
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/lock /var/lib/kubelet /var/lib/containerd /var/log/pods /var/log/containers
mount --bind "$disk/kubelet" /var/lib/kubelet
mount --bind "$disk/containerd" /var/lib/containerd
mount --bind "$disk/log/pods" /var/log/pods
mount --bind "$disk/log/containers" /var/log/containers

containerd -c "$disk/etc/containerd.toml" >"$cluster/logs/$name-containerd.log" 2>&1 &
until ctr version >/dev/null 2>&1; do sleep 0.1; done

# No pod starts without pause; the other images may come while kubelet registers the node.
ctr -n k8s.io images import "$cluster/images/pause.tar" >/dev/null
(
	for image in "$cluster"/images/*.tar; do
		[ "$image" = "$cluster/images/pause.tar" ] || ctr -n k8s.io images import "$image" >/dev/null
	done
	touch /run/images-loaded
) &

"$programs/kubelet" "--config=$disk/etc/kubelet.yaml" "--kubeconfig=$cluster/kubeconfigs/$name" \
	"--hostname-override=$name" "--node-ip=$address" --cert-dir=/var/lib/kubelet/pki \
	>"$cluster/logs/$name-kubelet.log" 2>&1 &
"$programs/kube-proxy" "--config=$disk/etc/kube-proxy.yaml" >"$cluster/logs/$name-kube-proxy.log" 2>&1 &

# Reap what containers leave behind.
while :; do wait -n || sleep 1; done
