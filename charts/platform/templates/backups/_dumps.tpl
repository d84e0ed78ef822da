{{- define "platform.backups.source.postgresql" }}
{{- $postgresql := .Values.backups.postgresql }}
{{- include "platform.backups.postgresql" . }}
{{ include "platform.backups.value" (dict "name" "PGUSER" "value" $postgresql.user) }}
{{ include "platform.backups.secret" (dict "name" "PGPASSWORD" "secret" $postgresql.secret "key" "password") }}
- {name: COMPRESSION, value: {{ $postgresql.compression | quote }}}
{{- end }}

{{- define "platform.backups.source.redis" }}
{{- with .Values.backups.redis }}
- {name: REDIS_HOST, value: {{ .host | quote }}}
- {name: REDIS_PORT, value: {{ .port | quote }}}
- {name: REDIS_FLAGS, value: {{ ternary "--tls" "" .tls | quote }}}
- {name: REDIS_CA, value: {{ ternary "/redis-ca/ca.crt" "" (ne (include "platform.backups.redisCa" $) "") | quote }}}
{{- with .secret }}
{{ include "platform.backups.secret" (dict "name" "REDISCLI_AUTH" "secret" . "key" "password") }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The Secret with the authority that Redis is checked by; nothing where there is none. */ -}}
{{- define "platform.backups.redisCa" -}}
{{- with .Values.backups.redis }}{{ if .tls }}{{ .ca }}{{ end }}{{ end }}
{{- end }}

{{- define "platform.backups.source.configuration" }}
- {name: NAMESPACES, value: {{ join " " .Values.backups.configuration.namespaces | quote }}}
- {name: RESOURCES, value: {{ join "," .Values.backups.configuration.exported | quote }}}
{{- end }}
