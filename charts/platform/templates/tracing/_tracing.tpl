{{- /* The Service that takes spans: `host` for the mesh, which wants full names. */ -}}
{{- define "platform.tracing.host" -}}
{{- if .Values.tracing.jaeger.enabled -}}
jaeger-collector.{{ .Values.tracing.namespace }}.svc.{{ .Values.istio.clusterDomain }}
{{- else -}}
{{ .Values.tracing.collector.host }}
{{- end -}}
{{- end }}

{{- /* The tags of every span, as name: text. */ -}}
{{- define "platform.tracing.tags" -}}
{{ mergeOverwrite (dict "environment" .Values.environment "cluster" .Values.cluster) .Values.tracing.tags | toYaml }}
{{- end }}

{{- /* What every OpenTelemetry SDK reads, as name: text. */ -}}
{{- define "platform.tracing.environment" -}}
{{- $tags := list }}
{{- range $name, $text := include "platform.tracing.tags" . | fromYaml }}
{{- $tags = append $tags (printf "%s=%s" $name (urlquery $text | replace "+" "%20")) }}
{{- end }}
{{- $tags = append $tags (printf "deployment.environment.name=%s" .Values.environment) }}
{{- $tags = append $tags (printf "k8s.cluster.name=%s" .Values.cluster) }}
{{- dict
  "OTEL_SERVICE_NAME" .Values.app.name
  "OTEL_TRACES_EXPORTER" "otlp"
  "OTEL_EXPORTER_OTLP_PROTOCOL" "http/protobuf"
  "OTEL_EXPORTER_OTLP_ENDPOINT" (printf "http://%s:%d" (include "platform.tracing.host" .) (int .Values.tracing.collector.http))
  "OTEL_PROPAGATORS" (join "," .Values.tracing.propagators)
  "OTEL_TRACES_SAMPLER" "parentbased_traceidratio"
  "OTEL_TRACES_SAMPLER_ARG" (divf .Values.tracing.sampling 100 | toString)
  "OTEL_RESOURCE_ATTRIBUTES" (join "," $tags)
  | toYaml }}
{{- end }}

{{- /* Jaeger's own configuration: OTLP in, tags added, spans kept as long as they are to be. */ -}}
{{- define "platform.tracing.configuration" -}}
{{- $tracing := .Values.tracing -}}
service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, attributes, batch]
      exporters: [jaeger_storage_exporter]
  telemetry:
    logs:
      level: info
      encoding: json
    metrics:
      level: normal
      readers:
        - pull:
            exporter:
              prometheus: {host: 0.0.0.0, port: 8888}
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "0.0.0.0:{{ int $tracing.collector.grpc }}"}
      http: {endpoint: "0.0.0.0:{{ int $tracing.collector.http }}"}
processors:
  memory_limiter:
    check_interval: 1s
    limit_percentage: 80
    spike_limit_percentage: 20
  {{- /* insert: who knows better, such as a cluster elsewhere that sends its spans here, is not overruled. */}}
  attributes:
    actions:
      {{- range $name, $text := include "platform.tracing.tags" . | fromYaml }}
      - key: {{ $name | quote }}
        value: {{ $text | replace "$" "$$" | quote }}
        action: insert
      {{- end }}
  batch: {}
exporters:
  jaeger_storage_exporter:
    trace_storage: spans
extensions:
  healthcheckv2:
    use_v2: true
    http: {endpoint: "0.0.0.0:13133"}
  jaeger_query:
    storage:
      traces: spans
    http: {endpoint: "0.0.0.0:16686"}
  jaeger_storage:
    backends:
      spans:
        badger:
          ephemeral: false
          directories: {keys: /badger/keys, values: /badger/values}
          ttl: {spans: {{ $tracing.jaeger.retention }}}
{{- end }}

{{- /* The namespace of the Service that takes spans: the second part of its name. Without a name there is none, which
is a problem of its own. */ -}}
{{- define "platform.tracing.place" -}}
{{- index (splitList "." (printf "%s." (include "platform.tracing.host" .))) 1 -}}
{{- end }}
