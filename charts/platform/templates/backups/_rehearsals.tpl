{{- define "platform.backups.fetch" }}
{{- /* (root, place, kinds) */ -}}
{{- $backups := .root.Values.backups }}
{{- $expected := list }}
{{- range .kinds }}{{ $expected = append $expected (printf "%s:%d" . ((get $backups .).maximumAge | int64)) }}{{ end }}
{{- $env := printf "- {name: KINDS, value: %q}\n- {name: FROM, value: %q}\n%s" (join " " $expected)
      (include "platform.backups.place" (dict "root" .root "place" .place))
      (include "platform.backups.places" .root | trim) }}
{{- include "platform.backups.container" (dict
      "root" .root "name" "fetch" "image" "storage" "run" (list "step.sh" "fetch.sh")
      "env" $env "volumes" list "resources" $backups.storage.resources) }}
{{- end }}

{{- define "platform.backups.rehearsal.postgresql" }}
- {name: PGDATABASE, value: {{ .Values.backups.postgresql.database | quote }}}
- {name: JOBS, value: {{ .Values.backups.postgresql.restore.jobs | int64 | quote }}}
- {name: REHEARSAL_QUERY, value: {{ .Values.backups.postgresql.rehearsalQuery | quote }}}
{{- end }}

{{- define "platform.backups.rehearsal.redis" }}
- {name: LOAD_TRIES, value: {{ mul .Values.backups.redis.restore.loadWithin 10 | int64 | quote }}}
{{- end }}

{{- define "platform.backups.rehearsal.configuration" }}{{- end }}
