{{- define "responder.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* What all objects' names begin with. 40: they add to it, and a StatefulSet's may have 52. */ -}}
{{- define "responder.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains (include "responder.name" .) .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "responder.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* What never changes, and tells the server from the chart's other pods. */ -}}
{{- define "responder.selector" -}}
app.kubernetes.io/name: {{ include "responder.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: server
{{- end }}

{{- /* For every object; `component` is the part it belongs to. */ -}}
{{- define "responder.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" (include "responder.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "app.kubernetes.io/part-of" "responder"
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_")
-}}
{{ mergeOverwrite (deepCopy .Values.commonLabels) $own | toYaml }}
{{- end }}

{{- define "responder.account" -}}
{{ .Values.serviceAccount.name | default (include "responder.fullname" .) }}
{{- end }}

{{- define "responder.image" -}}
{{- with .Values.image -}}
{{- $name := list .registry .repository | compact | join "/" -}}
{{- if and (eq .tag "latest") (not .digest) -}}
{{- fail "image.tag: not latest: nobody would know what runs, and an upgrade would change nothing" -}}
{{- end -}}
{{- if .digest -}}
{{ printf "%s@%s" $name .digest }}
{{- else -}}
{{ printf "%s:%s" $name (.tag | default $.Chart.AppVersion) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* (list . ENABLED API): "true" if it is wanted; `auto` means where the cluster has this kind. */ -}}
{{- define "responder.wanted" -}}
{{- $root := index . 0 -}}{{- $enabled := index . 1 -}}
{{- if kindIs "bool" $enabled -}}
{{ ternary "true" "" $enabled }}
{{- else if $root.Capabilities.APIVersions.Has (index . 2) -}}
true
{{- end }}
{{- end }}

{{- define "responder.mesh" -}}
{{ include "responder.wanted" (list . .Values.istio.enabled "security.istio.io/v1/AuthorizationPolicy") }}
{{- end }}

{{- /* The Secret that is mounted at /etc/responder/secrets. */ -}}
{{- define "responder.secret" -}}
{{ .Values.secrets.name | default (printf "%s-secrets" (include "responder.fullname" .)) }}
{{- end }}

{{- /* The Secret with tokens.yaml and people.yaml. */ -}}
{{- define "responder.access" -}}
{{ .Values.auth.existingSecret | default (printf "%s-access" (include "responder.fullname" .)) }}
{{- end }}

{{- define "responder.host" -}}
{{- if .Values.ingress.enabled -}}
{{ .Values.ingress.host }}
{{- else if .Values.istio.gateway -}}
{{ .Values.istio.host }}
{{- end }}
{{- end }}

{{- define "responder.url" -}}
{{- $host := include "responder.host" . -}}
{{- if .Values.externalUrl -}}
{{ .Values.externalUrl }}
{{- else if $host -}}
https://{{ $host }}
{{- else -}}
http://{{ include "responder.fullname" . }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}
{{- end }}
{{- end }}
