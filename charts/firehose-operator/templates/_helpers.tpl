{{- /* The chart's name, as the label app.kubernetes.io/name has it. */ -}}
{{- define "firehose-operator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- /* The name of everything in the release's own namespace: at most 50 characters, so that endings fit behind it. */ -}}
{{- define "firehose-operator.fullname" -}}
{{- $name := include "firehose-operator.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $full | replace "." "-" | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- /* The name of everything that belongs to no namespace: no two releases of a cluster have the same, as there is no
dot in the name of a namespace. */ -}}
{{- define "firehose-operator.clusterName" -}}
{{- printf "%s.%s" .Release.Namespace (include "firehose-operator.fullname" .) -}}
{{- end }}

{{- define "firehose-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "firehose-operator.selector" . }}
{{- end }}

{{- define "firehose-operator.selector" -}}
app.kubernetes.io/name: {{ include "firehose-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /*
Who keeps the definition of destinations in this cluster: "nobody", "us" (this release) or whoever else, in words. A
release that may not read definitions sets crds.enabled to false, and nothing is asked.
*/ -}}
{{- define "firehose-operator.crdKeeper" -}}
{{- $found := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "firehosedestinations.firehose-operator.dev" -}}
{{- $annotations := (($found).metadata).annotations | default dict -}}
{{- $release := get $annotations "meta.helm.sh/release-name" -}}
{{- $namespace := get $annotations "meta.helm.sh/release-namespace" -}}
{{- if not $found -}}
nobody
{{- else if and (eq $release .Release.Name) (eq $namespace .Release.Namespace) -}}
us
{{- else if $release -}}
the release {{ $release }} of namespace {{ $namespace }}
{{- else -}}
no release
{{- end -}}
{{- end }}

{{- /* The ConfigMap with the proxies' certificates; empty where there are none. */ -}}
{{- define "firehose-operator.caBundle" -}}
{{- with .Values.proxy.caBundle -}}
{{- if .pem }}{{ include "firehose-operator.fullname" $ }}-trust{{ else }}{{ .configMap }}{{ end -}}
{{- end -}}
{{- end }}

{{- /* A digest says exactly which image; a tag beside it is for people. */ -}}
{{- define "firehose-operator.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}{{ with .image.tag }}:{{ . }}{{ end }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .version }}
{{- end -}}
{{- end }}

{{- /* What the operator may do with destinations and their children. No secrets, no pods but their status, nothing by "*". */ -}}
{{- define "firehose-operator.rules" -}}
- apiGroups: [firehose-operator.dev]
  resources: [firehosedestinations]
  verbs: [get, list, watch]
- apiGroups: [firehose-operator.dev]
  resources: [firehosedestinations/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts, services]
  verbs: [get, list, watch, create, patch]
# Delete: a workload that a backup restored, or that outlived its destination, and that cannot become what is wanted. Its
# pods stay.
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# Whether a spool's claim has a volume, and why a pod is not there: a controller says so only in an event.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [list]
# Tells of a destination's changes, and of how often the same has happened.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
# Wakes kubelet when a configuration changes. It may change annotations and status, not what a pod runs.
- apiGroups: [""]
  resources: [pods/status]
  verbs: [patch]
{{- end }}
