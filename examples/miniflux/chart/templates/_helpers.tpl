{{/* Labels that select the pods of one component: never change them, a Deployment's selector is immutable. */}}
{{- define "miniflux.selector" -}}
app.kubernetes.io/name: miniflux
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "miniflux.labels" -}}
{{ include "miniflux.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* A password: the one given, else the one already in the cluster, else a new one. */}}
{{- define "miniflux.password" -}}
{{- $kept := index (lookup "v1" "Secret" .root.Release.Namespace .root.Release.Name | default dict) "data" | default dict -}}
{{- if .given -}}
{{ .given | b64enc }}
{{- else if hasKey $kept .key -}}
{{ index $kept .key }}
{{- else -}}
{{ randAlphaNum 24 | b64enc }}
{{- end -}}
{{- end }}

{{/* What every container here may do: nothing but run. */}}
{{- define "miniflux.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
