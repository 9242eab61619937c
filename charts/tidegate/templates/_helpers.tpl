{{- define "tidegate.name" -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- end }}

{{- define "tidegate.labels" -}}
app.kubernetes.io/name: tidegate
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "tidegate.selector" -}}
app.kubernetes.io/name: tidegate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tidegate.image" -}}
{{- if .Values.image.digest -}}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{- end -}}
{{- end }}

{{- define "tidegate.claim" -}}{{ .Values.persistence.existingClaim | default (printf "%s-data" (include "tidegate.name" .)) }}{{- end }}

{{- /* What a schema cannot say in words. */ -}}
{{- define "tidegate.check" -}}
{{- range $name, $_ := .Values.settings }}
{{- if regexMatch "(_file|_dir|_url|password|secret)$" $name }}{{ fail (printf "settings.%s: secrets, files and folders are not set here: name a Secret in the value that is for it" $name) }}{{ end }}
{{- end }}
{{- if not .Values.embedded }}
{{- if not .Values.database.existingSecret }}{{ fail "database.existingSecret is missing: name a Secret with the database's URL, or set embedded=true for SQLite in one pod" }}{{ end }}
{{- if not .Values.broker.existingSecret }}{{ fail "broker.existingSecret is missing: name a Secret with Redis' URL, or set embedded=true" }}{{ end }}
{{- end }}
{{- end }}

{{- define "tidegate.hosts" -}}
{{- $name := include "tidegate.name" . -}}
{{- $service := printf "%s.%s" $name .Release.Namespace -}}
{{- concat (list $name $service (printf "%s.svc" $service) (printf "%s.svc.cluster.local" $service)) .Values.allowedHosts | toJson -}}
{{- end }}

{{- /* A pod of one part. Takes: root, part, args, and what it is given: database, broker, web, outside, logins (of registries, which outside
has too), signs, published (rw | ro), evidence (rw | ro), sealing (rw | ro: the key of stored accounts), kubeconfig. A part that is given nothing sees nothing. */ -}}
{{- define "tidegate.pod" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
metadata:
  labels:
    {{- include "tidegate.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .part }}
    {{- if .published }}
    tidegate.dev/volume: {{ include "tidegate.claim" $root | trunc 63 }}
    {{- end }}
  {{- with $values.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if ne .part "migrate" }}
  serviceAccountName: {{ include "tidegate.name" $root }}
  {{- end }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .grace | default 30 }}
  {{- if eq .part "migrate" }}
  restartPolicy: Never
  {{- end }}
  securityContext: {{- toYaml $values.podSecurityContext | nindent 4 }}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .part }}
      image: {{ include "tidegate.image" $root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: {{ toJson .args }}
      securityContext: {{- toYaml $values.securityContext | nindent 8 }}
      env:
        - {name: TIDEGATE_CACHE_DIR, value: /tmp/cache}
        - {name: TIDEGATE_SIGNS, value: {{ .signs | default false | quote }}}
        {{- if eq .part "migrate" }}
        - {name: TIDEGATE_DATA_DIR, value: /tmp/data}
        {{- end }}
        {{- if .database }}
        - {name: TIDEGATE_DATABASE_URL_FILE, value: /etc/tidegate/database/url}
        {{- end }}
        {{- if .broker }}
        - {name: TIDEGATE_BROKER_URL_FILE, value: /etc/tidegate/broker/url}
        - {name: TIDEGATE_HEARTBEAT_FILE, value: /tmp/heartbeat}
        {{- end }}
        {{- if .web }}
        - {name: TIDEGATE_PUBLIC_URL, value: {{ $values.publicUrl | quote }}}
        - {name: TIDEGATE_ALLOWED_HOSTS, value: {{ include "tidegate.hosts" $root | quote }}}
        - {name: TIDEGATE_URL, value: "http://127.0.0.1:8080"}  # for `kubectl exec … -- tidegate …`
        {{- with $values.webhooks.existingSecret }}
        - {name: TIDEGATE_WEBHOOK_SECRETS_DIR, value: /etc/tidegate/webhooks}
        - {name: TIDEGATE_WEBHOOK_SECRET_FILE, value: /etc/tidegate/webhooks/default}
        {{- end }}
        {{- end }}
        {{- if .sealing }}
        - {name: TIDEGATE_SECRETS_KEY_FILE, value: /var/lib/tidegate/sealing/secrets.key}
        {{- end }}
        {{- if or .outside .logins }}
        {{- if $values.registryCredentials.existingSecret }}
        - {name: TIDEGATE_DOCKER_CONFIG, value: /etc/tidegate/docker/config.json}
        {{- end }}
        {{- if $values.accounts.existingSecret }}
        - {name: TIDEGATE_ACCOUNTS_FILE, value: /etc/tidegate/accounts/accounts.yaml}
        {{- end }}
        {{- end }}
        {{- if .outside }}
        {{- if $values.git.existingSecret }}
        - {name: TIDEGATE_GIT_SSH_KEY_FILE, value: /etc/tidegate/git/ssh-privatekey}
        - {name: TIDEGATE_GIT_KNOWN_HOSTS_FILE, value: /etc/tidegate/git/known_hosts}
        {{- end }}
        {{- end }}
        {{- if .signs }}
        {{- if $values.keys.rootSecret }}
        - {name: TIDEGATE_ROOT_KEY_FILE, value: /etc/tidegate/root-key/root.pem}
        {{- end }}
        {{- if $values.keys.onlineSecret }}
        - {name: TIDEGATE_ONLINE_KEY_FILE, value: /etc/tidegate/online-key/online.pem}
        {{- end }}
        {{- end }}
        {{- if .kubeconfig }}
        - {name: TIDEGATE_REHEARSAL_PROVIDER, value: existing}
        - {name: TIDEGATE_REHEARSAL_KUBECONFIG, value: /etc/tidegate/rehearsals/kubeconfig}
        {{- with $values.rehearsals.context }}
        - {name: TIDEGATE_REHEARSAL_CONTEXT, value: {{ . | quote }}}
        {{- end }}
        {{- end }}
        {{- range $name, $value := $values.settings }}
        - {name: TIDEGATE_{{ upper $name }}, value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}}
        {{- end }}
      {{- if .web }}
      ports: [{name: http, containerPort: 8080}]
      startupProbe:
        httpGet: {path: /healthz, port: http, httpHeaders: [{name: Host, value: localhost}]}
        periodSeconds: 3
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /healthz, port: http, httpHeaders: [{name: Host, value: localhost}]}
        periodSeconds: 20
        timeoutSeconds: 5
      readinessProbe:
        httpGet: {path: /readyz, port: http, httpHeaders: [{name: Host, value: localhost}]}
        periodSeconds: 5
        timeoutSeconds: 5
      {{- else if ne .part "migrate" }}
      # The file is touched every 5 s while the loop turns.
      startupProbe: {exec: {command: [test, -f, /tmp/heartbeat]}, periodSeconds: 3, failureThreshold: 60}
      livenessProbe: {exec: {command: [sh, -c, 'test -n "$(find /tmp/heartbeat -mmin -1)"']}, periodSeconds: 30, timeoutSeconds: 5}
      {{- end }}
      resources: {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        {{- if .data }}
        - {name: data, mountPath: /var/lib/tidegate/data, subPath: {{ .data }}}
        {{- end }}
        {{- if .published }}
        - {name: data, mountPath: /var/lib/tidegate/data/tuf, subPath: published, readOnly: {{ eq .published "ro" }}}
        {{- end }}
        {{- if .evidence }}
        - {name: data, mountPath: /var/lib/tidegate/data/evidence, subPath: evidence, readOnly: {{ eq .evidence "ro" }}}
        {{- end }}
        {{- if .sealing }}
        - {name: data, mountPath: /var/lib/tidegate/sealing, subPath: sealing, readOnly: {{ eq .sealing "ro" }}}
        {{- end }}
        {{- range include "tidegate.secrets" . | fromYamlArray }}
        - {name: {{ .name }}, mountPath: /etc/tidegate/{{ .name }}, readOnly: true}
        {{- end }}
  volumes:
    - {name: tmp, emptyDir: {sizeLimit: 2Gi}}
    {{- if or .data .published }}
    - {name: data, persistentVolumeClaim: {claimName: {{ include "tidegate.claim" $root }}}}
    {{- end }}
    {{- range include "tidegate.secrets" . | fromYamlArray }}
    - name: {{ .name }}
      secret:
        secretName: {{ .secret | quote }}
        defaultMode: 0440
        {{- if .optional }}
        optional: true
        {{- end }}
        {{- with .items }}
        items: {{- toYaml . | nindent 10 }}
        {{- end }}
    {{- end }}
  {{- with $values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $values.affinity }}
  affinity: {{- toYaml $values.affinity | nindent 4 }}
  {{- else if and .published (eq $values.persistence.accessMode "ReadWriteOnce") }}
  affinity:
    podAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        - topologyKey: kubernetes.io/hostname
          labelSelector: {matchLabels: {tidegate.dev/volume: {{ include "tidegate.claim" $root | trunc 63 }}}}
  {{- end }}
{{- end }}

{{- /* The Secrets that a part sees, each below /etc/tidegate/NAME. */ -}}
{{- define "tidegate.secrets" -}}
{{- $values := .root.Values -}}
{{- $found := list -}}
{{- if .database }}{{ $found = append $found (dict "name" "database" "secret" $values.database.existingSecret "items" (list (dict "key" $values.database.key "path" "url"))) }}{{ end -}}
{{- if .broker }}{{ $found = append $found (dict "name" "broker" "secret" $values.broker.existingSecret "items" (list (dict "key" $values.broker.key "path" "url"))) }}{{ end -}}
{{- if .kubeconfig }}{{ $found = append $found (dict "name" "rehearsals" "secret" $values.rehearsals.kubeconfigSecret "items" (list (dict "key" $values.rehearsals.key "path" "kubeconfig"))) }}{{ end -}}
{{- if and .web $values.webhooks.existingSecret }}{{ $found = append $found (dict "name" "webhooks" "secret" $values.webhooks.existingSecret) }}{{ end -}}
{{- if and (or .outside .logins) $values.registryCredentials.existingSecret }}{{ $found = append $found (dict "name" "docker" "secret" $values.registryCredentials.existingSecret "items" (list (dict "key" $values.registryCredentials.key "path" "config.json"))) }}{{ end -}}
{{- if and (or .outside .logins) $values.accounts.existingSecret }}{{ $found = append $found (dict "name" "accounts" "secret" $values.accounts.existingSecret) }}{{ end -}}
{{- if and .outside $values.git.existingSecret }}{{ $found = append $found (dict "name" "git" "secret" $values.git.existingSecret) }}{{ end -}}
{{- /* Optional: the root key may be taken away, and everything goes on. */ -}}
{{- if and .signs $values.keys.rootSecret }}{{ $found = append $found (dict "name" "root-key" "secret" $values.keys.rootSecret "optional" true "items" (list (dict "key" "root.pem" "path" "root.pem"))) }}{{ end -}}
{{- if and .signs $values.keys.onlineSecret }}{{ $found = append $found (dict "name" "online-key" "secret" $values.keys.onlineSecret "items" (list (dict "key" "online.pem" "path" "online.pem"))) }}{{ end -}}
{{- toYaml $found -}}
{{- end }}
