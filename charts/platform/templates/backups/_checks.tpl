{{- /* What values.schema.json cannot see of `backups`: whether their NetworkPolicy knows where the databases are. (Of a
dependency that says neither pods nor addresses the application's own section says so.) */ -}}
{{- define "platform.backups.problems" -}}
{{- $backups := .Values.backups }}
{{- range $kind := list "postgresql" "redis" }}
{{- if and $backups.enabled $backups.network.enabled (get $backups $kind).enabled (not $backups.network.databases) }}
{{- $needed := get $.Values.app.dependencies $kind | default dict }}
{{- if and (not (or $needed.pods $needed.cidrs)) (not (and $needed $.Values.app.enabled)) }}
{{ printf "backups.network.databases: app.dependencies says not where %s is, so its address is needed here" $kind }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
