{{- /* What values.schema.json cannot see: the arithmetic that values.yaml states. */ -}}
{{- define "platform.istio.problems" -}}
{{- $istio := .Values.istio }}
{{- if $istio.enabled }}
{{- if not .Values.app.enabled }}
{{ "istio.enabled: there is no application to protect (app.enabled: false)" }}
{{- end }}

{{- $routing := $istio.routing }}
{{- $needed := mul (add 1 (int $routing.attempts)) (int (include "platform.milliseconds" $routing.perTryTimeout)) }}
{{- $pause := 25 }}
{{- range until (int $routing.attempts) }}
{{- $needed = add $needed (min $pause 250) }}
{{- $pause = add 25 (mul 2 $pause) }}
{{- end }}
{{- $timeout := int (include "platform.milliseconds" $routing.timeout) }}
{{- if gt $needed $timeout }}
{{ printf "istio.routing.perTryTimeout: (1 + %d) tries of %s and their pauses take %d ms, which is more than istio.routing.timeout, %s" (int $routing.attempts) $routing.perTryTimeout $needed $routing.timeout }}
{{- end }}
{{- if ge (int (include "platform.milliseconds" $istio.connections.connectTimeout)) (int (include "platform.milliseconds" $routing.perTryTimeout)) }}
{{ printf "istio.connections.connectTimeout: %s is not less than istio.routing.perTryTimeout, %s" $istio.connections.connectTimeout $routing.perTryTimeout }}
{{- end }}
{{- if ge $timeout (int (include "platform.milliseconds" $routing.within)) }}
{{ printf "istio.routing.timeout: %s is not less than istio.routing.within, %s" $routing.timeout $routing.within }}
{{- end }}
{{- if lt (mul 1000 (sub (int .Values.app.gracePeriod) (int .Values.app.drain))) $timeout }}
{{ printf "app.gracePeriod: after app.drain, %d s, it leaves less than a request may take (istio.routing.timeout, %s)" (int .Values.app.drain) $routing.timeout }}
{{- end }}

{{- $outlier := $istio.outlier }}
{{- $within := int (include "platform.milliseconds" $outlier.within) }}
{{- if gt (mul 2 (int (include "platform.milliseconds" $outlier.interval))) $within }}
{{ printf "istio.outlier.interval: 2 * %s is more than istio.outlier.within, %s" $outlier.interval $outlier.within }}
{{- end }}
{{- $ready := .Values.app.probes.readiness }}
{{- if gt (mul 1000 (int $ready.period) (int $ready.failures)) $within }}
{{ printf "app.probes.readiness: %d * %d s is more than istio.outlier.within, %s" (int $ready.failures) (int $ready.period) $outlier.within }}
{{- end }}
{{- $main := include "platform.app.main" . }}
{{- $replicas := int (index .Values.app.versions $main).replicas }}
{{- $aside := div (mul $replicas (int $outlier.maxPercent)) 100 }}
{{- $stay := int (include "platform.app.stay" (dict "replicas" $replicas "minimum" .Values.app.availability.minimum)) }}
{{- if and (gt $replicas 1) (lt $aside 1) }}
{{ printf "istio.outlier.maxPercent: %d %% of %d pods is less than one: none would ever be put aside" (int $outlier.maxPercent) $replicas }}
{{- end }}
{{- if lt (sub $replicas $aside) $stay }}
{{ printf "istio.outlier.maxPercent: with %d %% put aside %d of %d pods are left, and app.availability.minimum, %d %%, are %d" (int $outlier.maxPercent) (sub $replicas $aside) $replicas (int .Values.app.availability.minimum) $stay }}
{{- end }}

{{- with $istio.gateway.certificate }}
{{- if .create }}
{{- $duration := int (include "platform.milliseconds" .duration) }}
{{- if ge (int (include "platform.milliseconds" .renewBefore)) $duration }}
{{ printf "istio.gateway.certificate.renewBefore: %s is not less than duration, %s" .renewBefore .duration }}
{{- end }}
{{- $sizes := list 256 384 521 }}
{{- if eq .algorithm "RSA" }}{{ $sizes = list 2048 3072 4096 }}{{ end }}
{{- if not (has (int .size) $sizes) }}
{{ printf "istio.gateway.certificate.size: %d is none of %s, which there are for %s" (int .size) (join ", " $sizes) .algorithm }}
{{- end }}
{{- $fitting := 0 }}
{{- $algorithm := .algorithm }}
{{- range $istio.gateway.tls.ciphers }}
{{- if contains (printf "-%s-" $algorithm) . }}{{ $fitting = add1 $fitting }}{{ end }}
{{- end }}
{{- if not $fitting }}
{{ printf "istio.gateway.tls.ciphers: none of them goes with a certificate of %s" .algorithm }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (eq $istio.gateway.tls.minimum "TLSV1_3") (eq $istio.gateway.tls.maximum "TLSV1_2") }}
{{ "istio.gateway.tls.minimum: TLSV1_3 is above maximum, TLSV1_2" }}
{{- end }}
{{- end }}
{{- end }}
