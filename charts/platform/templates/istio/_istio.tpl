{{- /* The Service's full name, as the mesh has it. */ -}}
{{- define "platform.istio.host" -}}
{{ .Values.app.name }}.{{ .Release.Namespace }}.svc.{{ .Values.istio.clusterDomain }}
{{- end }}

{{- /* Who somebody is in the mesh: of a namespace and a service account. */ -}}
{{- define "platform.istio.principal" -}}
{{ .root.Values.istio.trustDomain }}/ns/{{ .namespace }}/sa/{{ .serviceAccount }}
{{- end }}

{{- /* For the injection of a pod's proxy, and its life: it starts before the application, and outlives its last answer. */ -}}
{{- define "platform.istio.podAnnotations" -}}
{{- $proxy := .Values.istio.proxy -}}
sidecar.istio.io/proxyCPU: {{ $proxy.requests.cpu | quote }}
sidecar.istio.io/proxyMemory: {{ $proxy.requests.memory | quote }}
sidecar.istio.io/proxyCPULimit: {{ $proxy.limits.cpu | quote }}
sidecar.istio.io/proxyMemoryLimit: {{ $proxy.limits.memory | quote }}
proxy.istio.io/config: {{ dict
  "holdApplicationUntilProxyStarts" true
  "terminationDrainDuration" (printf "%ds" (sub (int .Values.app.gracePeriod) 5))
  "proxyMetadata" (dict
    "EXIT_ON_ZERO_ACTIVE_CONNECTIONS" "true"
    "MINIMUM_DRAIN_DURATION" (printf "%ds" (int (max 1 .Values.app.drain))))
  | toJson | quote }}
{{- end }}

{{- /* The routes to `destinations`, for requests that match `match`. What may be done twice is tried again after any
answer from a gateway and after a try that took too long; the rest only where it surely never began. */ -}}
{{- define "platform.istio.routes" -}}
{{- $routing := .root.Values.istio.routing }}
{{- $suffix := .suffix }}{{ $match := .match }}{{ $destinations := .destinations }}
{{- range $way := list
  (dict "name" "repeatable" "method" "GET|HEAD|OPTIONS" "when" "connect-failure,refused-stream,reset-before-request,unavailable,gateway-error")
  (dict "name" "others" "when" "connect-failure,refused-stream,reset-before-request") }}
- name: {{ printf "%s%s" $way.name $suffix | quote }}
  {{- $conditional := merge (dict) $match }}
  {{- with $way.method }}
  {{- $_ := set $conditional "method" (dict "regex" .) }}
  {{- end }}
  {{- if $conditional }}
  match:
    - {{ $conditional | toJson }}
  {{- end }}
  timeout: {{ $routing.timeout }}
  retries:
    attempts: {{ int $routing.attempts }}
    perTryTimeout: {{ $routing.perTryTimeout }}
    retryOn: {{ $way.when }}
  route:
    {{- $destinations | nindent 4 }}
{{- end }}
{{- end }}
