{{- /* Pods of another namespace, for a NetworkPolicy: {namespace, labels}. */ -}}
{{- define "platform.security.peer" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .namespace | quote }}
  {{- with .labels }}
  podSelector:
    matchLabels:
      {{- range $name, $text := . }}
      {{ $name | quote }}: {{ $text | quote }}
      {{- end }}
  {{- end }}
{{- end }}

{{- /* The head of a NetworkPolicy: {root, name, namespace}. */ -}}
{{- define "platform.security.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name | quote }}
  namespace: {{ .namespace | quote }}
  labels:
    {{- include "platform.labels" .root | nindent 4 }}
{{- end }}
