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

{{- define "responder.podAnnotations" -}}
# Settings and tokens are read at the start: another one is a restart.
checksum/settings: {{ include "responder.settings" . | sha256sum }}
{{- if not .Values.auth.existingSecret }}
checksum/access: {{ include "responder.tokens" . | cat (include "responder.people" .) | sha256sum }}
{{- end }}
{{- if eq .Values.rules.onChange "restart" }}
checksum/rules: {{ include "responder.rules" . | sha256sum }}
{{- end }}
{{- if include "responder.mesh" . }}
# Without its proxy it would find nobody to tell.
proxy.istio.io/config: '{"holdApplicationUntilProxyStarts": true}'
{{- end }}
{{- with .Values.secrets }}
{{- if eq .from "vault" }}
vault.hashicorp.com/agent-inject: "true"
vault.hashicorp.com/role: {{ .vault.role | quote }}
vault.hashicorp.com/secret-volume-path: /etc/responder/secrets
vault.hashicorp.com/agent-run-as-same-user: "true"
{{- $path := .vault.path }}
{{- range $_, $file := .files }}
{{- if $file }}
vault.hashicorp.com/agent-inject-secret-{{ $file }}: {{ $path | quote }}
vault.hashicorp.com/agent-inject-template-{{ $file }}: {{ printf "{{ with secret %q }}{{ index .Data.data %q }}{{ end }}" $path $file | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.velero.hook }}
pre.hook.backup.velero.io/container: responder
pre.hook.backup.velero.io/command: {{ list "python" "-c" (.Files.Get "files/copy.py") "/var/lib/responder" | toJson | toJson }}
pre.hook.backup.velero.io/timeout: {{ .Values.velero.timeout | quote }}
pre.hook.backup.velero.io/on-error: Fail
{{- end }}
{{- end }}
