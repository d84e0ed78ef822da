{{- /* The application's labels, by which everything finds its pods, whatever their version. */ -}}
{{- define "platform.app.selector" -}}
app.kubernetes.io/name: {{ .Values.app.name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* `app` and `version` are what the mesh's own metrics and pictures go by. */ -}}
{{- define "platform.app.podLabels" -}}
{{ include "platform.app.selector" .root }}
app: {{ .root.Values.app.name | quote }}
version: {{ .version | quote }}
{{- end }}

{{- /* registry/repository:tag@digest */ -}}
{{- define "platform.image" -}}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end -}}
{{- end }}

{{- /* A quantity of CPU ("250m", "2") in thousandths. */ -}}
{{- define "platform.milli" -}}
{{- if hasSuffix "m" . }}{{ trimSuffix "m" . }}{{ else }}{{ mul 1000 (int .) }}{{ end -}}
{{- end }}

{{- /* A quantity of memory ("256Mi", "2Gi") in Mi. */ -}}
{{- define "platform.mebi" -}}
{{- if hasSuffix "Mi" . }}{{ trimSuffix "Mi" . }}{{ else }}{{ mul 1024 (int (trimSuffix "Gi" .)) }}{{ end -}}
{{- end }}

{{- /* A duration of one unit ("250ms", "6s", "5m", "168h") in milliseconds. */ -}}
{{- define "platform.milliseconds" -}}
{{- if hasSuffix "ms" . }}{{ trimSuffix "ms" . }}
{{- else if hasSuffix "s" . }}{{ mul 1000 (int (trimSuffix "s" .)) }}
{{- else if hasSuffix "m" . }}{{ mul 60000 (int (trimSuffix "m" .)) }}
{{- else }}{{ mul 3600000 (int (trimSuffix "h" .)) }}
{{- end -}}
{{- end }}

{{- /* At most so many pods of a version. */ -}}
{{- define "platform.app.most" -}}
{{ .maxReplicas | default .replicas | int }}
{{- end }}

{{- /* So many pods of a version have to stay available, rounded up. */ -}}
{{- define "platform.app.stay" -}}
{{ div (add 99 (mul (int .replicas) (int .minimum))) 100 }}
{{- end }}

{{- /* The version that most requests go to; the first by name, where two share it. */ -}}
{{- define "platform.app.main" -}}
{{- $main := "" }}{{ $most := -1 }}
{{- range $name, $version := .Values.app.versions }}
{{- if gt (int $version.weight) $most }}{{ $main = $name }}{{ $most = int $version.weight }}{{ end }}
{{- end }}
{{- $main -}}
{{- end }}

{{- /* The environment of the container, as name: text. What app.env says goes before what the chart says. */ -}}
{{- define "platform.app.environment" -}}
{{- $environment := dict }}
{{- range $name, $dependency := .Values.app.dependencies }}
{{- $prefix := $name | replace "-" "_" | upper }}
{{- /* Without a proxy nobody answers for `host` but the DNS. */}}
{{- $_ := set $environment (printf "%s_HOST" $prefix) (ternary $dependency.host ($dependency.address | default $dependency.host) $.Values.istio.enabled) }}
{{- $_ := set $environment (printf "%s_PORT" $prefix) (toString $dependency.port) }}
{{- end }}
{{- if .Values.tracing.enabled }}
{{- $environment = merge $environment (include "platform.tracing.environment" . | fromYaml) }}
{{- end }}
{{- mergeOverwrite $environment .Values.app.env | toYaml }}
{{- end }}
