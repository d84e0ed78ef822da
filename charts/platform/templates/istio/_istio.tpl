{{- /* The Service's full name, as the mesh has it. */ -}}
{{- define "platform.istio.host" -}}
{{ .Values.app.name }}.{{ .Release.Namespace }}.svc.{{ .Values.istio.clusterDomain }}
{{- end }}

{{- /* Who somebody is in the mesh: of a namespace and a service account. */ -}}
{{- define "platform.istio.principal" -}}
{{ .root.Values.istio.trustDomain }}/ns/{{ .namespace }}/sa/{{ .serviceAccount }}
{{- end }}

{{- /* For the injection of a pod's proxy, and its life: it starts before the application, outlives its last answer, and
answers for names that only the mesh knows. */ -}}
{{- define "platform.istio.podAnnotations" -}}
{{- $proxy := .Values.istio.proxy }}
{{- $volumes := dict }}{{ $mounts := dict }}
{{- range $name, $dependency := .Values.app.dependencies }}
{{- if and $dependency.ca (eq $dependency.tls "proxy") }}
{{- $_ := set $volumes (printf "ca-%s" $name) (dict "secret" (dict "secretName" $dependency.ca "items" (list (dict "key" "ca.crt" "path" "ca.crt")))) }}
{{- $_ := set $mounts (printf "ca-%s" $name) (dict "mountPath" (printf "/etc/authorities/%s" $name) "readOnly" true) }}
{{- end }}
{{- end -}}
sidecar.istio.io/proxyCPU: {{ $proxy.requests.cpu | quote }}
sidecar.istio.io/proxyMemory: {{ $proxy.requests.memory | quote }}
sidecar.istio.io/proxyCPULimit: {{ $proxy.limits.cpu | quote }}
sidecar.istio.io/proxyMemoryLimit: {{ $proxy.limits.memory | quote }}
proxy.istio.io/config: {{ dict
  "holdApplicationUntilProxyStarts" true
  "terminationDrainDuration" (printf "%ds" (sub (int .Values.app.gracePeriod) 5))
  "proxyMetadata" (dict
    "ISTIO_META_DNS_CAPTURE" "true"
    "ISTIO_META_DNS_AUTO_ALLOCATE" "true"
    "EXIT_ON_ZERO_ACTIVE_CONNECTIONS" "true"
    "MINIMUM_DRAIN_DURATION" (printf "%ds" (int (max 1 .Values.app.drain))))
  | toJson | quote }}
{{- if $volumes }}
sidecar.istio.io/userVolume: {{ $volumes | toJson | quote }}
sidecar.istio.io/userVolumeMount: {{ $mounts | toJson | quote }}
{{- end }}
{{- end }}

{{- /* The routes to `destinations`, for requests that match `match`. What may be done twice is tried again after any
answer from a gateway and after a try that took too long; the rest only where it surely never began, and so no try of
it is cut short. */ -}}
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
    {{- if $way.method }}
    perTryTimeout: {{ $routing.perTryTimeout }}
    {{- end }}
    retryOn: {{ $way.when }}
  route:
    {{- $destinations | nindent 4 }}
{{- end }}
{{- end }}
