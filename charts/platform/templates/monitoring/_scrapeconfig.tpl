{{- /*
A scrape job as the operator's ScrapeConfig says it. What has no word there is refused, so that nothing is lost on the way.
*/ -}}
{{- define "platform.monitoring.scrapeConfig" -}}
{{- $spec := dict -}}
{{- $words := dict "job_name" "jobName" "honor_labels" "honorLabels" "honor_timestamps" "honorTimestamps" "metrics_path" "metricsPath" -}}
{{- range $key, $value := . -}}
{{- if hasKey $words $key -}}
{{- $_ := set $spec (get $words $key) $value -}}
{{- else if eq $key "scheme" -}}
{{- $_ := set $spec "scheme" (upper $value) -}}
{{- else if eq $key "kubernetes_sd_configs" -}}
{{- $_ := set $spec "kubernetesSDConfigs" (include "platform.monitoring.operatorDiscovery" $value | fromJsonArray) -}}
{{- else if eq $key "relabel_configs" -}}
{{- $_ := set $spec "relabelings" (include "platform.monitoring.operatorRelabelings" $value | fromJsonArray) -}}
{{- else if eq $key "metric_relabel_configs" -}}
{{- $_ := set $spec "metricRelabelings" (include "platform.monitoring.operatorRelabelings" $value | fromJsonArray) -}}
{{- else if eq $key "authorization" -}}
{{- $_ := set $spec "scrapeClass" "service-account" -}}
{{- else if eq $key "tls_config" -}}
{{- if hasKey $value "cert_file" }}{{ $_ := set $spec "scrapeClass" "mesh" }}{{ end -}}
{{- else -}}
{{- fail (printf "a ScrapeConfig cannot say %s" $key) -}}
{{- end -}}
{{- end -}}
{{- toYaml $spec -}}
{{- end }}

{{- define "platform.monitoring.operatorDiscovery" -}}
{{- $roles := dict "pod" "Pod" "node" "Node" "endpointslice" "EndpointSlice" -}}
{{- $said := list -}}
{{- range . -}}
{{- $one := dict "role" (get $roles .role) -}}
{{- with .namespaces }}{{ $_ := set $one "namespaces" . }}{{ end -}}
{{- $selectors := list -}}
{{- range .selectors -}}
{{- $selectors = append $selectors (dict "role" (get $roles .role) "label" .label) -}}
{{- end -}}
{{- with $selectors }}{{ $_ := set $one "selectors" . }}{{ end -}}
{{- $said = append $said $one -}}
{{- end -}}
{{- toJson $said -}}
{{- end }}

{{- define "platform.monitoring.operatorRelabelings" -}}
{{- $words := dict "source_labels" "sourceLabels" "target_label" "targetLabel" "regex" "regex" "replacement" "replacement" "action" "action" -}}
{{- $said := list -}}
{{- range . -}}
{{- $one := dict -}}
{{- range $key, $value := . -}}
{{- if not (hasKey $words $key) }}{{ fail (printf "a relabeling of the operator cannot say %s" $key) }}{{ end -}}
{{- $_ := set $one (get $words $key) $value -}}
{{- end -}}
{{- $said = append $said $one -}}
{{- end -}}
{{- toJson $said -}}
{{- end }}
