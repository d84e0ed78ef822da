{{- /* What values.schema.json cannot see of `security`: whether the application fits into its quota, at its largest. */ -}}
{{- define "platform.security.problems" -}}
{{- $quota := .Values.security.quota }}
{{- if and .Values.security.enabled $quota.enabled (not .Values.security.limitRange.enabled) }}
{{ "security.limitRange.enabled: a quota of limits refuses every pod that names none, such as those of the checks before an upgrade" }}
{{- end }}
{{- if and .Values.security.enabled $quota.enabled .Values.app.enabled }}
{{- $proxy := dict "requests" (dict "cpu" "0" "memory" "0Mi") "limits" (dict "cpu" "0" "memory" "0Mi") }}
{{- if .Values.istio.enabled }}{{ $proxy = .Values.istio.proxy }}{{ end }}
{{- $pods := 0 }}
{{- range .Values.app.versions }}
{{- $pods = add $pods (int (include "platform.app.most" .)) (int $.Values.app.rollout.maxSurge) }}
{{- end }}
{{- if gt $pods (int $quota.pods) }}
{{ printf "security.quota.pods: the application has up to %d pods, and %d are allowed" $pods (int $quota.pods) }}
{{- end }}
{{- range $what := list "requests" "limits" }}
{{- $app := index $.Values.app.resources $what }}{{ $beside := index $proxy $what }}{{ $most := index $quota $what }}
{{- $cpu := mul $pods (add (int (include "platform.milli" $app.cpu)) (int (include "platform.milli" $beside.cpu))) }}
{{- if gt $cpu (int (include "platform.milli" $most.cpu)) }}
{{ printf "security.quota.%s.cpu: the application takes up to %dm, and %s are allowed" $what $cpu $most.cpu }}
{{- end }}
{{- $memory := mul $pods (add (int (include "platform.mebi" $app.memory)) (int (include "platform.mebi" $beside.memory))) }}
{{- if gt $memory (int (include "platform.mebi" $most.memory)) }}
{{ printf "security.quota.%s.memory: the application takes up to %dMi, and %s are allowed" $what $memory $most.memory }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
