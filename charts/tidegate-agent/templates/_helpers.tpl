{{- define "agent.name" -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- end }}
{{- define "agent.labels" -}}
app.kubernetes.io/name: tidegate-agent
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.cluster }}
tidegate.dev/cluster: {{ . | trunc 63 | quote }}
{{- end }}
{{- end }}
{{- define "agent.selector" -}}
app.kubernetes.io/name: tidegate-agent
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "agent.image" -}}
{{- if .Values.image.digest -}}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{- end -}}
{{- end }}
