{{- /*
The files of rules that are installed: name -> {groups: [...]}, as both a ConfigMap and the operator's objects hold them.
What is wrong with a file is said here, before anything is installed; its expressions are read by promtool (check.yaml).
*/ -}}
{{- define "platform.monitoring.rules" -}}
{{- $rules := .Values.monitoring.rules -}}
{{- $shipped := "https://runbooks.machinenativeops.com/" -}}
{{- $found := dict -}}
{{- $expected := list -}}
{{- range $name, $installed := $rules.files }}
{{- $path := printf "files/monitoring/rules/%s.yaml" $name }}
{{- $read := $.Files.Get $path | replace $shipped $rules.runbooks | fromYaml }}
{{- if $read.Error }}{{ fail (printf "%s: %s" $path $read.Error) }}{{ end }}
{{- if not $read.groups }}{{ fail (printf "%s: no groups" $path) }}{{ end }}
{{- $groups := list }}
{{- range $group := $read.groups }}
{{- $kept := list }}
{{- range $rule := $group.rules }}
{{- if eq (default "" $rule.record) "backup_max_age_seconds" }}
{{- $expected = append $expected $rule.labels.backup }}
{{- if has $rule.labels.backup $rules.backups }}{{ $kept = append $kept $rule }}{{ end }}
{{- else }}
{{- $kept = append $kept $rule }}
{{- end }}
{{- end }}
{{- $groups = append $groups (merge (dict "rules" $kept) $group) }}
{{- end }}
{{- if $installed }}{{ $_ := set $found $name (dict "groups" $groups) }}{{ end }}
{{- end }}
{{- range $rules.backups }}
{{- if not (has . $expected) }}
{{- fail (printf "monitoring.rules.backups: there is no backup %s; there are %s" . (join ", " $expected)) }}
{{- end }}
{{- end }}
{{- range $name, $groups := $rules.extra }}
{{- if hasKey $rules.files $name }}
{{- fail (printf "monitoring.rules.extra: %s is the name of a file that is shipped" $name) }}
{{- end }}
{{- $_ := set $found $name (dict "groups" $groups) }}
{{- end }}
{{- $names := dict }}
{{- range $file, $content := $found }}
{{- range $group := $content.groups }}
{{- with index $names $group.name }}
{{- fail (printf "monitoring.rules: two groups have the name %s, in %s and in %s" $group.name . $file) }}
{{- end }}
{{- $_ := set $names $group.name $file }}
{{- end }}
{{- end }}
{{- toYaml $found }}
{{- end }}

{{- /* Their names in prometheus.yml. */ -}}
{{- define "platform.monitoring.ruleFiles" -}}
{{- $names := keys .Values.monitoring.rules.extra -}}
{{- range $name, $installed := .Values.monitoring.rules.files }}{{ if $installed }}{{ $names = append $names $name }}{{ end }}{{ end -}}
{{- $files := list -}}
{{- range $names | sortAlpha }}{{ $files = append $files (printf "%s.rules.yaml" .) }}{{ end -}}
{{- toJson $files -}}
{{- end }}
