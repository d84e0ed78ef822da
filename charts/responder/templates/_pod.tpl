{{- /* What the restricted level of Pod Security asks for. 65532: the image's user, and the group that owns the volume. */ -}}
{{- define "responder.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "responder.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "responder.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* A volume with the rules as Responder reads them; `of` is what the ConfigMaps' names begin with. */ -}}
{{- define "responder.rulesVolume" -}}
{{- $files := include "responder.rules" .root | fromJson -}}
- name: rules
  projected:
    sources:
    {{- range $part := list "rules" "runbooks" }}
    {{- if index $files $part }}
      - configMap:
          name: {{ printf "%s-%s" $.of $part | quote }}
          items:
          {{- range $path, $_ := index $files $part }}
            - key: {{ base $path | quote }}
              path: {{ $path | quote }}
          {{- end }}
    {{- end }}
    {{- end }}
{{- end }}
