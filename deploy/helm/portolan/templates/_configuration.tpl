{{/* portolan.yaml: the chart's own, and what `config` says over it. The addresses, the data folder and the tokens are the pod's. */}}
{{- define "portolan.configuration" -}}
{{- $name := include "portolan.name" . -}}
{{- $names := list -}}
{{- range $service := list $name (printf "%s-admin" $name) -}}
{{- range $suffix := list "" (printf ".%s" $.Release.Namespace) (printf ".%s.svc" $.Release.Namespace) (printf ".%s.svc.%s" $.Release.Namespace $.Values.clusterDomain) -}}
{{- $names = append $names (printf "%s%s" $service $suffix) -}}
{{- end -}}
{{- end -}}
{{- $urls := dict "access" .Values.functionUrls.access "hostnames" (concat $names .Values.functionUrls.hostnames) -}}
{{- if eq .Values.functionUrls.access "token" -}}
{{- $_ := set $urls "tokenFile" "/var/run/secrets/portolan/call" -}}
{{- end -}}
{{- $port := ternary "" (printf ":%d" (int .Values.service.port)) (eq (int .Values.service.port) 80) -}}
{{- $usual := dict "publicUrl" (printf "http://%s.%s.svc%s" $name .Release.Namespace $port) "warmup" 60 "drainDelay" 5 "grace" 30 "logFormat" "json" "accessLog" "json" -}}
{{- with .Values.watchNamespaces -}}
{{- $_ := set $usual "kubernetes" (dict "namespaces" .) -}}
{{- end -}}
{{- $pods := dict
    "gateway" "0.0.0.0:8080"
    "admin" "0.0.0.0:8081"
    "dataDir" "/var/lib/portolan"
    "adminTokenFile" "/var/run/secrets/portolan/admin"
    "adminReadTokenFile" "/var/run/secrets/portolan/read"
    "functionUrls" $urls -}}
{{- mustMergeOverwrite $usual (deepCopy .Values.config) $pods | toYaml -}}
{{- end -}}
