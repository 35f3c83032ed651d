#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# container_files.sh PACKAGING: the manifest for Kubernetes is YAML whose parts agree, and the recipe of
# the image has packages that are built. Needs python3-yaml.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
packaging=$1
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT

python3 - "$packaging/container/kubernetes.yaml" >"$top/facts" 2>"$top/log" <<'EOF'
import json, sys, yaml
plugin, pod = yaml.safe_load_all(open(sys.argv[1]))
print("kinds", plugin["apiVersion"], plugin["kind"], pod["apiVersion"], pod["kind"])
spec = plugin["spec"]
labels = spec["template"]["metadata"]["labels"]
print("selected", spec["selector"]["matchLabels"].items() <= labels.items())
container, = spec["template"]["spec"]["containers"]
mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
volumes = {volume["name"]: volume["hostPath"]["path"] for volume in spec["template"]["spec"]["volumes"]}
print("mounted", mounts == volumes, *sorted(mounts.values()))
option, text = container["args"]
device = json.loads(text)
group, = device["groups"]
print("device", option, device["name"], *(path["path"] for path in group["paths"]))
user, = pod["spec"]["containers"]
limits = user["resources"]["limits"]
print("requested", limits["squat.ai/" + device["name"]] <= group["count"], "memory" in limits)
security = user["securityContext"]
print("privileges", pod["spec"]["securityContext"]["runAsNonRoot"], security["allowPrivilegeEscalation"],
      *security["capabilities"]["drop"])
EOF
ok "the manifest is YAML with two objects" || sed 's/^/# /' "$top/log"
is "its parts agree" "kinds apps/v1 DaemonSet v1 Pod
selected True
mounted True /dev /var/lib/kubelet/device-plugins
device --device ndshm /dev/ndshm
requested True True
privileges True False ALL" "$(cat "$top/facts")"

copied=$(sed -nE 's/^COPY (.*) [^ ]+$/\1/p' "$packaging/container/Containerfile" | tr ' ' '\n' | sed 's/_.*//')
is "the image has the library and the command" "libndshm0
ndshm-tools" "$copied"
is "which are packages" "$copied" "$(sed -n 's/^Package: //p' "$packaging/debian/control" | grep -xF "$copied" | sort)"
is "the user of the image chooses its base" "ARG BASE
FROM \${BASE}" "$(grep -E '^(ARG|FROM)' "$packaging/container/Containerfile")"
end
