{{- define "firehose-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "firehose-operator.selector" . }}
{{- end }}

{{- define "firehose-operator.selector" -}}
app.kubernetes.io/name: firehose-operator
app.kubernetes.io/instance: {{ .Release.Name }}
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
