{{/* The release's name; with the chart's where it does not have that in it. */}}
{{- define "portolan.name" -}}
{{- $name := ternary .Release.Name (printf "%s-portolan" .Release.Name) (contains "portolan" .Release.Name) -}}
{{- $name | trunc 48 | trimSuffix "-" -}}
{{- end -}}

{{- define "portolan.account" -}}
{{- .Values.serviceAccount.name | default (ternary (include "portolan.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "portolan.tokens" -}}
{{- .Values.tokens.existingSecret | default (printf "%s-tokens" (include "portolan.name" .)) -}}
{{- end -}}

{{/* What selects the pods: never changes during a release's life. */}}
{{- define "portolan.selector" -}}
app.kubernetes.io/name: portolan
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "portolan.labels" -}}
{{ include "portolan.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Where all objects of a cluster share names, two releases of one name in two namespaces need two. */}}
{{- define "portolan.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "portolan.name" .) -}}
{{- end -}}

{{- define "portolan.subjects" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "portolan.account" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{/* What the daemon may do in every namespace that it watches. */}}
{{- define "portolan.rules" -}}
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [gloo.solo.io]
  resources: [upstreams]
  verbs: [list, watch]
- apiGroups: [gloo.solo.io]
  resources: [upstreams/status]
  verbs: [patch]
- apiGroups: [serving.knative.dev]
  resources: [services]
  verbs: [list, watch]
{{- if .Values.rbac.documents }}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch]
{{- end }}
{{- end -}}
