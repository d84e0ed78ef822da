{{- /* What values.schema.json cannot see of `tracing`. */ -}}
{{- define "platform.tracing.problems" -}}
{{- with .Values.tracing }}
{{- if .enabled }}
{{- if and .jaeger.enabled .collector.host }}
{{ printf "tracing.collector.host: %s and tracing.jaeger.enabled: spans go to one of them" .collector.host }}
{{- end }}
{{- if not (or .jaeger.enabled .collector.host) }}
{{ "tracing.collector.host: without tracing.jaeger.enabled it has to say where spans go" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
