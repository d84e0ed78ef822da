{{- define "platform.backups.location" }}
{{- /* (root, name, place, mode, labels) */ -}}
{{- $velero := .root.Values.backups.velero }}
apiVersion: velero.io/v1
kind: BackupStorageLocation
metadata:
  name: {{ .name }}
  namespace: {{ $velero.namespace }}
  labels: {{- .labels | nindent 4 }}
spec:
  provider: {{ $velero.provider | quote }}
  default: {{ eq .name "primary" }}
  accessMode: {{ .mode }}
  credential: {name: {{ .place.veleroSecret | quote }}, key: cloud}
  objectStorage: {bucket: {{ .place.bucket | quote }}, prefix: {{ printf "%s/%s" .root.Values.cluster .folder | quote }}}
  config:
    region: {{ .place.region | quote }}
    {{- with .place.url }}
    s3Url: {{ . | quote }}
    s3ForcePathStyle: "true"
    {{- end }}
    {{- with .root.Values.backups.storage.encryption }}
    serverSideEncryption: {{ . | quote }}
    {{- end }}
{{- end }}
