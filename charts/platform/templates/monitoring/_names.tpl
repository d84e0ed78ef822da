{{- /* "operator" or "plain": what carries the configuration. */ -}}
{{- define "platform.monitoring.mode" -}}
{{- $mode := .Values.monitoring.mode -}}
{{- if eq $mode "auto" -}}
{{- $there := true -}}
{{- range list "v1/Prometheus" "v1/Alertmanager" "v1/PrometheusRule" "v1alpha1/ScrapeConfig" -}}
{{- if not ($.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/%s" .)) }}{{ $there = false }}{{ end -}}
{{- end -}}
{{- ternary "operator" "plain" $there -}}
{{- else -}}
{{- $mode -}}
{{- end -}}
{{- end }}

{{- /* (list $ "prometheus"): the labels that select its pods, whoever makes them. */ -}}
{{- define "platform.monitoring.selector" -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/part-of: platform
{{- end }}

{{- /* (list $ "prometheus"): name, namespace and labels of an object. */ -}}
{{- define "platform.monitoring.metadata" -}}
name: {{ index . 1 }}
namespace: {{ (index . 0).Values.monitoring.namespace }}
labels:
  {{- include "platform.labels" (index . 0) | nindent 2 }}
  app.kubernetes.io/name: {{ index . 1 }}
{{- end }}

{{- /* (list $ "prometheus"): the same of an object that the operator reads, which has labels for its selectors. */ -}}
{{- define "platform.monitoring.operatorMetadata" -}}
{{- $root := index . 0 -}}
{{- include "platform.monitoring.metadata" . }}
{{- range $name, $value := $root.Values.monitoring.operator.labels }}
  {{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{- /* (list $ "prometheus"): the image of one of the two. */ -}}
{{- define "platform.monitoring.image" -}}
{{- $images := (index . 0).Values.monitoring.images -}}
{{- $image := index $images (index . 1) -}}
{{- $images.registry }}{{ $image.repository }}:{{ $image.tag }}{{ with $image.digest }}@{{ . }}{{ end -}}
{{- end }}

{{- define "platform.monitoring.podSecurity" -}}
runAsNonRoot: true
# nobody: what both images run as.
runAsUser: 65534
runAsGroup: 65534
fsGroup: 65534
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "platform.monitoring.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* (list $ "prometheus"): its replicas in different zones and on different nodes, as far as there are any. */ -}}
{{- define "platform.monitoring.spread" -}}
{{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ $key }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "platform.monitoring.selector" $ | nindent 6 }}
{{- end }}
{{- end }}

{{- /* Storage as a claim template. */ -}}
{{- define "platform.monitoring.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .class }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end }}

{{- /* "true" if Responder is reached through the mesh. */ -}}
{{- define "platform.monitoring.meshed" -}}
{{- $said := .Values.monitoring.istio -}}
{{- if kindIs "bool" $said }}{{ ternary "true" "" $said -}}
{{- else if .Capabilities.APIVersions.Has "security.istio.io/v1/AuthorizationPolicy" }}true{{ end -}}
{{- end }}
