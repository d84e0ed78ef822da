{{- /*
The scrape jobs, as Prometheus itself writes them: prometheus.yml holds them as they are, and scrapeconfigs.yaml says the
same to the operator.
*/ -}}

{{- define "platform.monitoring.token" -}}
/var/run/secrets/kubernetes.io/serviceaccount
{{- end }}

{{- /* The certificate that a proxy beside Prometheus keeps fresh, in the words of Prometheus or of the operator. */ -}}
{{- define "platform.monitoring.certificate" -}}
{{- $file := index . 0 -}}
ca{{ $file }}: /etc/istio-certs/root-cert.pem
cert{{ $file }}: /etc/istio-certs/cert-chain.pem
key{{ $file }}: /etc/istio-certs/key.pem
{{ index . 1 }}: true
{{- end }}

{{- /* (dict "role" "pod" "namespaces" (list ...) "selector" "a=b"): where targets come from. */ -}}
{{- define "platform.monitoring.discovery" -}}
kubernetes_sd_configs:
  - role: {{ .role }}
    {{- with .namespaces }}
    namespaces: {names: {{ toJson . }}}
    {{- end }}
    {{- with .selector }}
    selectors: [{role: {{ $.role }}, label: {{ quote . }}}]
    {{- end }}
{{- end }}

{{- /* A pod that has ended keeps its address for a while, and nobody answers there. */ -}}
{{- define "platform.monitoring.alive" -}}
- {source_labels: [__meta_kubernetes_pod_phase], regex: 'Succeeded|Failed', action: drop}
{{- end }}

{{- define "platform.monitoring.owner" -}}
- {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
- {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
{{- end }}

{{- /* (list "pod_container_port" port): the one port of several that is meant, by name or number. */ -}}
{{- define "platform.monitoring.port" -}}
{{- $kind := kindIs "string" (index . 1) | ternary "name" "number" -}}
{{- if eq (index . 0) "pod_container_port" -}}
- {source_labels: [__meta_kubernetes_pod_container_port_{{ $kind }}], regex: {{ index . 1 | toString | quote }}, action: keep}
{{- else if eq $kind "name" -}}
- {source_labels: [__meta_kubernetes_endpointslice_port_name], regex: {{ index . 1 | quote }}, action: keep}
{{- else -}}
- {source_labels: [__meta_kubernetes_endpointslice_port], regex: {{ index . 1 | toString | quote }}, action: keep}
{{- end -}}
{{- end }}

{{- /* What other jobs find is not for `applications` and `services`: by name where it has one, else by its port. */ -}}
{{- define "platform.monitoring.taken" -}}
{{- $apps := list -}}
{{- $numbers := list -}}
{{- $names := list -}}
{{- range $name, $job := .Values.monitoring.scrape.jobs -}}
{{- if and $job.enabled $job.port (hasKey $job "apps") -}}
{{- if $job.apps }}{{ range $job.apps }}{{ $apps = append $apps (regexQuoteMeta .) }}{{ end -}}
{{- else if kindIs "string" $job.port }}{{ $names = append $names $job.port -}}
{{- else }}{{ $numbers = append $numbers ($job.port | toString) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with $apps }}
- {source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name], regex: {{ . | sortAlpha | uniq | join "|" | quote }}, action: drop}
{{- end }}
{{- with $names }}
- {source_labels: [__meta_kubernetes_pod_container_port_name], regex: {{ . | sortAlpha | uniq | join "|" | quote }}, action: drop}
{{- end }}
{{- with $numbers }}
- {source_labels: [__address__], regex: {{ printf ".+:(%s)" (. | sortAlpha | uniq | join "|") | quote }}, action: drop}
{{- end }}
{{- end }}

{{- /* (list "pod" or "service"): what an annotated object says of its own scraping. */ -}}
{{- define "platform.monitoring.annotated" -}}
- {source_labels: [__meta_kubernetes_{{ . }}_annotation_prometheus_io_scheme], regex: '(https?)', target_label: __scheme__}
- {source_labels: [__meta_kubernetes_{{ . }}_annotation_prometheus_io_path], regex: '(/.*)', target_label: __metrics_path__}
{{- end }}

{{- define "platform.monitoring.jobs" -}}
{{- $jobs := .Values.monitoring.scrape.jobs -}}
{{- /* `honor`: it speaks of others, so their `namespace` and `pod` are kept, and its own are not added. */ -}}
{{- range $name, $more := dict
    "prometheus" dict
    "alertmanager" dict
    "responder" dict
    "kube-state-metrics" (dict "honor" true)
    "node-exporter" dict
    "velero" dict
    "pushgateway" (dict "honor" true)
    "postgres" dict
    "patroni" dict
    "redis-sentinel" dict
    "cert-manager" (dict "honor" true)
    "jaeger" dict }}
{{- with index $jobs $name }}
{{- if .enabled }}
{{- if not (hasKey . "apps") }}
{{- $_ := set $more "own" (dict "namespaces" (list $.Values.monitoring.namespace) "apps" (list $name) "port" "web") }}
{{- end }}
- job_name: {{ $name }}
  {{- if $more.honor }}
  honor_labels: true
  {{- end }}
  {{- $meshed := and (eq $name "responder") (include "platform.monitoring.meshed" $) }}
  {{- if $meshed }}
  # If it has a proxy, that asks who calls. What it is called itself (a SPIFFE id) Prometheus cannot compare.
  tls_config:
    {{- include "platform.monitoring.certificate" (list "_file" "insecure_skip_verify") | nindent 4 }}
  {{- end }}
  {{- with $more.own | default . }}
  {{- $selector := .apps | empty | ternary "" (printf "app.kubernetes.io/name in (%s)" (join "," .apps)) }}
  {{- include "platform.monitoring.discovery" (dict "role" "pod" "namespaces" .namespaces "selector" $selector) | nindent 2 }}
  relabel_configs:
    {{- include "platform.monitoring.alive" . | nindent 4 }}
    {{- include "platform.monitoring.port" (list "pod_container_port" .port) | nindent 4 }}
  {{- end }}
    {{- if $meshed }}
    - {source_labels: [__meta_kubernetes_pod_annotation_sidecar_istio_io_status], regex: '.+', target_label: __scheme__, replacement: https}
    {{- end }}
    {{- if not $more.honor }}
    {{- include "platform.monitoring.owner" . | nindent 4 }}
    {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with $jobs.kubelet }}
{{- if .enabled }}
- job_name: kubelet
  honor_labels: true
  # The kubelet stamps what it measured itself; with its stamps a container that is gone would seem to live for 5 minutes.
  honor_timestamps: false
  scheme: https
  metrics_path: /metrics/cadvisor
  authorization: {credentials_file: {{ include "platform.monitoring.token" . }}/token}
  tls_config: {ca_file: {{ include "platform.monitoring.token" . }}/ca.crt, insecure_skip_verify: {{ .insecureSkipVerify }}}
  {{- include "platform.monitoring.discovery" (dict "role" "node") | nindent 2 }}
  relabel_configs:
    - {source_labels: [__meta_kubernetes_node_name], target_label: node}
{{- end }}
{{- end }}
{{- with $jobs.applications }}
{{- if .enabled }}
- job_name: applications
  {{- include "platform.monitoring.discovery" (dict "role" "pod" "namespaces" .namespaces) | nindent 2 }}
  relabel_configs:
    - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true", action: keep}
    {{- include "platform.monitoring.alive" . | nindent 4 }}
    {{- if index $jobs "istio-proxies" "enabled" }}
    - {source_labels: [__meta_kubernetes_pod_annotation_sidecar_istio_io_status], regex: '.+', action: drop}
    {{- end }}
    {{- include "platform.monitoring.annotated" "pod" | nindent 4 }}
    - {source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port], regex: '([0-9.]+);(\d+)', target_label: __address__, replacement: '$1:$2'}
    - {source_labels: [__meta_kubernetes_pod_ip, __meta_kubernetes_pod_annotation_prometheus_io_port], regex: '([0-9a-f:]*:[0-9a-f:.]*);(\d+)', target_label: __address__, replacement: '[$1]:$2'}
    {{- include "platform.monitoring.taken" $ | trim | nindent 4 }}
    {{- include "platform.monitoring.owner" . | nindent 4 }}
{{- end }}
{{- end }}
{{- with $jobs.services }}
{{- if .enabled }}
- job_name: services
  {{- include "platform.monitoring.discovery" (dict "role" "endpointslice" "namespaces" .namespaces) | nindent 2 }}
  relabel_configs:
    - {source_labels: [__meta_kubernetes_service_annotation_prometheus_io_scrape], regex: "true", action: keep}
    {{- if $jobs.applications.enabled }}
    - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true", action: drop}
    {{- end }}
    {{- if index $jobs "istio-proxies" "enabled" }}
    - {source_labels: [__meta_kubernetes_pod_annotation_sidecar_istio_io_status], regex: '.+', action: drop}
    {{- end }}
    {{- include "platform.monitoring.annotated" "service" | nindent 4 }}
    - {source_labels: [__address__, __meta_kubernetes_service_annotation_prometheus_io_port], regex: '(.+):\d+;(\d+)', target_label: __address__, replacement: '$1:$2'}
    {{- include "platform.monitoring.taken" $ | trim | nindent 4 }}
    {{- include "platform.monitoring.owner" . | nindent 4 }}
{{- end }}
{{- end }}
{{- with index $jobs "istio-proxies" }}
{{- if .enabled }}
- job_name: istio-proxies
  metrics_path: /stats/prometheus
  {{- include "platform.monitoring.discovery" (dict "role" "pod" "namespaces" .namespaces) | nindent 2 }}
  relabel_configs:
    {{- include "platform.monitoring.alive" . | nindent 4 }}
    # Each proxy declares this port, 15090, for its own numbers; 15020 has those and the application's.
    - {source_labels: [__meta_kubernetes_pod_container_port_name], regex: 'http-envoy-prom', action: keep}
    - {source_labels: [__address__], regex: '(.+):\d+', target_label: __address__, replacement: '$1:15020'}
    {{- include "platform.monitoring.owner" . | nindent 4 }}
  # Of Envoy's own, what CircuitBreakerOpen reads; there are hundreds for each pod and destination.
  metric_relabel_configs:
    - {source_labels: [__name__], regex: 'envoy_cluster_(outlier_detection_ejections_active|circuit_breakers_default_(cx|rq|rq_pending)_open)', target_label: __tmp_kept, replacement: "yes"}
    - {source_labels: [__tmp_kept, __name__], regex: ';envoy_.+', action: drop}
    - {regex: '__tmp_kept', action: labeldrop}
{{- end }}
{{- end }}
{{- with $jobs.istiod }}
{{- if .enabled }}
- job_name: istiod
  {{- include "platform.monitoring.discovery" (dict "role" "endpointslice" "namespaces" .namespaces "selector" "app=istiod") | nindent 2 }}
  relabel_configs:
    {{- include "platform.monitoring.port" (list "endpointslice_port" .port) | nindent 4 }}
    {{- include "platform.monitoring.owner" . | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "platform.monitoring.externalLabels" -}}
{{- toYaml (merge (dict "cluster" .Values.cluster "environment" .Values.environment) .Values.monitoring.scrape.externalLabels) -}}
{{- end }}

{{- /* prometheus.yml. */ -}}
{{- define "platform.monitoring.config" -}}
{{- $scrape := .Values.monitoring.scrape -}}
{{- if ge (trimSuffix "s" $scrape.timeout | int) (trimSuffix "s" $scrape.interval | int) }}
{{- fail (printf "monitoring.scrape.timeout: %s is not less than the interval, %s" $scrape.timeout $scrape.interval) }}
{{- end -}}
global:
  scrape_interval: {{ $scrape.interval }}
  scrape_timeout: {{ $scrape.timeout }}
  evaluation_interval: {{ $scrape.evaluation }}
  external_labels:
    {{- include "platform.monitoring.externalLabels" . | nindent 4 }}
rule_files:
  {{- range include "platform.monitoring.ruleFiles" . | fromJsonArray }}
  - {{ . }}
  {{- else }} []
  {{- end }}
{{- if .Values.monitoring.alertmanager.install }}
alerting:
  alertmanagers:
    - static_configs:
        - targets:
            {{- range $number := until (int .Values.monitoring.alertmanager.replicas) }}
            - alertmanager-{{ $number }}.alertmanager.{{ $.Values.monitoring.namespace }}.svc:9093
            {{- end }}
{{- end }}
scrape_configs:
  {{- include "platform.monitoring.jobs" . | trim | nindent 2 }}
{{- end }}
