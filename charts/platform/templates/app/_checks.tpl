{{- /* What values.schema.json cannot see: whether the numbers of `app` fit each other. A line for each
thing that is wrong; checks.yaml reads them, here and in the other sections. */ -}}
{{- define "platform.app.problems" -}}
{{- $app := .Values.app }}
{{- if $app.enabled }}
{{- $main := include "platform.app.main" . }}
{{- $sum := 0 }}
{{- range $name, $version := $app.versions }}
{{- $where := printf "app.versions.%s" $name }}
{{- $sum = add $sum (int $version.weight) }}
{{- if gt (len (printf "%s-%s" $app.name $name)) 63 }}
{{ printf "%s: %s-%s is longer than 63 characters" $where $app.name $name }}
{{- end }}
{{- if lt (int (include "platform.app.most" $version)) (int $version.replicas) }}
{{ printf "%s.maxReplicas: %d is less than replicas, %d" $where (int $version.maxReplicas) (int $version.replicas) }}
{{- end }}
{{- end }}
{{- if ne $sum 100 }}
{{ printf "app.versions: the weights add up to %d, not to 100" $sum }}
{{- end }}

{{- $replicas := int (index $app.versions $main).replicas }}
{{- $zones := int $app.availability.zones }}
{{- $minimum := int $app.availability.minimum }}
{{- $stay := int (include "platform.app.stay" (dict "replicas" $replicas "minimum" $minimum)) }}
{{- if mod $replicas $zones }}
{{ printf "app.versions.%s.replicas: %d pods cannot be spread evenly over app.availability.zones, %d" $main $replicas $zones }}
{{- end }}
{{- if lt (sub $replicas (div $replicas $zones)) $stay }}
{{ printf "app.availability.minimum: without one of %d zones %d of %d pods are left, and %d %% of them are %d" $zones (sub $replicas (div $replicas $zones)) $replicas $minimum $stay }}
{{- end }}
{{- if lt (sub $replicas (int $app.rollout.maxUnavailable)) $stay }}
{{ printf "app.rollout.maxUnavailable: it leaves %d of %d pods, and app.availability.minimum, %d %%, are %d" (sub $replicas (int $app.rollout.maxUnavailable)) $replicas $minimum $stay }}
{{- end }}
{{- if not (or $app.rollout.maxSurge $app.rollout.maxUnavailable) }}
{{ "app.rollout: maxSurge and maxUnavailable are both 0: no pod could ever be replaced" }}
{{- end }}
{{- if ge (int $app.drain) (int $app.gracePeriod) }}
{{ printf "app.gracePeriod: %d s is not longer than app.drain, %d s" (int $app.gracePeriod) (int $app.drain) }}
{{- end }}
{{- if and (not .Values.istio.enabled) (gt (len $app.versions) 1) }}
{{ "app.versions: without the mesh (istio.enabled) nothing splits the requests, so there can only be one" }}
{{- end }}
{{- range $name, $dependency := $app.dependencies }}
{{- if not (or $dependency.pods $dependency.cidrs) }}
{{ printf "app.dependencies.%s: with neither pods nor cidrs nothing opens the way to it" $name }}
{{- end }}
{{- end }}
{{- with $app.dependencies.postgresql }}
{{- if eq .tls "proxy" }}
{{ "app.dependencies.postgresql.tls: PostgreSQL asks for TLS within its own protocol, which the proxy does not speak: it has to be `application`" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
