{{- /* (root, host) A Service's name in full, however short it was said: so that two of them can be compared. */ -}}
{{- define "platform.backups.fullName" -}}
{{- $parts := .host | lower | splitList "." }}
{{- if eq (len $parts) 1 }}{{ $parts = append $parts .root.Release.Namespace }}{{ end }}
{{- if eq (len $parts) 2 }}{{ $parts = append $parts "svc" }}{{ end }}
{{- if and (eq (len $parts) 3) (eq (last $parts) "svc") }}{{ $parts = append $parts .root.Values.istio.clusterDomain }}{{ end }}
{{- join "." $parts }}
{{- end }}

{{- /* What values.schema.json cannot see of `backups`: whether it speaks to Redis as the application does, and whether its
NetworkPolicy knows where the databases are. (Of a dependency that says neither pods nor addresses the application's own
section says so.) */ -}}
{{- define "platform.backups.problems" -}}
{{- $redis := .Values.backups.redis }}
{{- if and .Values.app.enabled .Values.backups.enabled $redis.enabled }}
{{- $here := include "platform.backups.fullName" (dict "root" . "host" $redis.host) }}
{{- range $name, $dependency := .Values.app.dependencies }}
{{- $there := include "platform.backups.fullName" (dict "root" $ "host" ($dependency.address | default $dependency.host)) }}
{{- if and (eq $here $there) (eq (int $redis.port) (int $dependency.port)) }}
{{- $same := printf "app.dependencies.%s is the same server, %s:%d" $name $there (int $dependency.port) }}
{{- if not $redis.tls }}
{{ printf "backups.redis.tls: %s, and speaks TLS: it has to be true" $same }}
{{- else if and (eq $dependency.tls "proxy") (ne $redis.ca ($dependency.ca | default "")) }}
{{ printf "backups.redis.ca: %s, and is checked by the authority %q, not %q" $same ($dependency.ca | default "") $redis.ca }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
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
