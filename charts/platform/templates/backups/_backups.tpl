{{- /* Every template of this folder is rendered with the chart's whole context, and reads .Values.backups. */ -}}

{{- /* (image) "repository:tag", with the registry before it and the digest after it, where there are such. */ -}}
{{- define "platform.backups.image" -}}
{{- with .registry }}{{ . }}/{{ end }}{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* (name, text) The text, if Kubernetes and Velero would take it for a schedule; else an error that says where it is wrong. */ -}}
{{- define "platform.backups.cron" -}}
{{- $wrong := printf "backups.%s: %q is no cron expression: " .name .text }}
{{- $fields := splitList " " .text }}
{{- if ne (len $fields) 5 }}
{{- fail (printf "%sit has %d fields, not 5 (minute, hour, day, month, weekday)" $wrong (len $fields)) }}
{{- end }}
{{- $kinds := list
      (dict "name" "minute" "one" "[0-5]?[0-9]")
      (dict "name" "hour" "one" "([01]?[0-9]|2[0-3])")
      (dict "name" "day" "one" "(0?[1-9]|[12][0-9]|3[01])")
      (dict "name" "month" "one" "(0?[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))")
      (dict "name" "weekday" "one" "([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat))") }}
{{- range $place, $field := $fields }}
{{- $kind := index $kinds $place }}
{{- $item := printf "(\\*|%s(-%s)?)(/[1-9][0-9]?)?" $kind.one $kind.one }}
{{- if not (regexMatch (printf "^%s(,%s)*$" $item $item) $field) }}
{{- fail (printf "%s%q is no %s" $wrong $field $kind.name) }}
{{- end }}
{{- range $range := regexFindAll "[0-9]+-[0-9]+" $field -1 }}
{{- $ends := splitList "-" $range }}
{{- if gt (index $ends 0 | int) (index $ends 1 | int) }}
{{- fail (printf "%sthe range %s runs backwards" $wrong $range) }}
{{- end }}
{{- end }}
{{- end }}
{{- .text | quote }}
{{- end }}

{{- /* (root, component) The labels of an object that belongs to one of the jobs. */ -}}
{{- define "platform.backups.labels" -}}
{{ include "platform.labels" .root }}
app.kubernetes.io/name: backups
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* (name, secret, key) A variable whose value only the kubelet reads. */ -}}
{{- define "platform.backups.secret" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret | quote }}, key: {{ .key | quote }}}}
{{- end }}

{{- /* (name, value) A variable. */ -}}
{{- define "platform.backups.value" -}}
- name: {{ .name }}
  value: {{ .value | toString | quote }}
{{- end }}

{{- /* What rclone has to know of both places; it has no file of its own. */ -}}
{{- define "platform.backups.places" -}}
{{- $storage := .Values.backups.storage }}
- {name: RCLONE_CONFIG, value: /dev/null}
- {name: RCLONE_RETRIES, value: {{ $storage.retries | quote }}}
- {name: RCLONE_LOW_LEVEL_RETRIES, value: {{ $storage.retries | quote }}}
- {name: RCLONE_CONTIMEOUT, value: 15s}
{{- range $name, $place := dict "PRIMARY" $storage.primary "OFFSITE" $storage.offsite }}
- {name: RCLONE_CONFIG_{{ $name }}_TYPE, value: s3}
- {name: RCLONE_CONFIG_{{ $name }}_PROVIDER, value: {{ $storage.provider | quote }}}
- {name: RCLONE_CONFIG_{{ $name }}_REGION, value: {{ $place.region | quote }}}
{{- with $place.url }}
- {name: RCLONE_CONFIG_{{ $name }}_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- with $storage.encryption }}
- {name: RCLONE_CONFIG_{{ $name }}_SERVER_SIDE_ENCRYPTION, value: {{ . | quote }}}
{{- end }}
- {name: RCLONE_CONFIG_{{ $name }}_NO_CHECK_BUCKET, value: "true"}
{{ include "platform.backups.secret" (dict "name" (printf "RCLONE_CONFIG_%s_ACCESS_KEY_ID" $name) "secret" $place.secret "key" "access-key-id") }}
{{ include "platform.backups.secret" (dict "name" (printf "RCLONE_CONFIG_%s_SECRET_ACCESS_KEY" $name) "secret" $place.secret "key" "secret-access-key") }}
{{- end }}
{{- end }}

{{- /* (root, place: primary or offsite) Where dumps are there, as rclone names it; without a slash at the end. */ -}}
{{- define "platform.backups.place" -}}
{{- .place }}:{{ get (get .root.Values.backups.storage .place) "bucket" }}/{{ .root.Values.cluster }}
{{- end }}

{{- /* How to reach PostgreSQL; whose user and password differs. */ -}}
{{- define "platform.backups.postgresql" -}}
{{- with .Values.backups.postgresql }}
- {name: PGHOST, value: {{ .host | quote }}}
- {name: PGPORT, value: {{ .port | quote }}}
- {name: PGDATABASE, value: {{ .database | quote }}}
- {name: PGSSLMODE, value: {{ .sslmode | quote }}}
- {name: PGCONNECT_TIMEOUT, value: "15"}
{{- end }}
{{- end }}

{{- /* What the checks of a dump of each kind ask for at least. */ -}}
{{- define "platform.backups.minimum" -}}
{{- $minimum := (get .root.Values.backups .kind).minimum }}
- {name: MINIMUM_BYTES, value: {{ $minimum.bytes | int64 | quote }}}
{{- range $what := list "tables" "keys" "objects" }}
{{- if hasKey $minimum $what }}
- {name: MINIMUM_{{ upper $what }}, value: {{ get $minimum $what | int64 | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{- /* (root, name, image, run, env, volumes, resources) One container: a step of a job. */ -}}
{{- define "platform.backups.container" -}}
- name: {{ .name }}
  image: {{ include "platform.backups.image" (get .root.Values.backups.images .image) | quote }}
  imagePullPolicy: IfNotPresent
  command: ["/bin/sh", {{ printf "/scripts/%s" (first .run) | quote }}{{ range rest .run }}, {{ . | quote }}{{ end }}]
  env:
    - {name: HOME, value: /tmp}
    - {name: WORK, value: /work}
    {{- .env | nindent 4 }}
  resources: {{- toYaml .resources | nindent 4 }}
  securityContext:
    allowPrivilegeEscalation: false
    capabilities: {drop: [ALL]}
    readOnlyRootFilesystem: true
  volumeMounts:
    - {name: scripts, mountPath: /scripts, readOnly: true}
    - {name: work, mountPath: /work}
    - {name: tmp, mountPath: /tmp}
    {{- range .volumes }}
    {{- if eq . "token" }}
    - {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
    {{- else if eq . "redis-ca" }}
    - {name: redis-ca, mountPath: /redis-ca, readOnly: true}
    {{- else }}
    - {name: {{ . }}, mountPath: /{{ . }}}
    {{- end }}
    {{- end }}
{{- end }}

{{- /* (root, job) The last step: what it tells the Pushgateway, and as what. */ -}}
{{- define "platform.backups.told" -}}
- {name: PUSHGATEWAY, value: {{ .root.Values.backups.pushgateway | quote }}}
- {name: NAMESPACE, value: {{ .root.Release.Namespace | quote }}}
- {name: BACKUP, value: {{ .job }}}
{{- end }}

{{- /* (root, job, key, settings, account, token, steps, report, claims, authority, suspended) A CronJob: `steps` one after the other, then `report`. */ -}}
{{- define "platform.backups.cronjob" -}}
{{- $backups := .root.Values.backups }}
{{- $user := .settings.runAs | default $backups.runAs | int64 }}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ .job }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "platform.backups.labels" (dict "root" .root "component" .job) | nindent 4 }}
spec:
  {{- if .suspended }}
  # Never by itself: people start it (docs/BACKUP_RESTORE_GUIDE.md). February has no such day, either.
  schedule: "0 0 30 2 *"
  suspend: true
  {{- else }}
  schedule: {{ include "platform.backups.cron" (dict "name" (printf "%s.schedule" .key) "text" .settings.schedule) }}
  {{- end }}
  timeZone: Etc/UTC
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: {{ $backups.jobs.startWithin | int64 }}
  successfulJobsHistoryLimit: {{ $backups.jobs.keepSucceeded | int64 }}
  failedJobsHistoryLimit: {{ $backups.jobs.keepFailed | int64 }}
  jobTemplate:
    metadata:
      labels: {{- include "platform.backups.labels" (dict "root" .root "component" .job) | nindent 8 }}
    spec:
      backoffLimit: {{ if .suspended }}0{{ else }}{{ $backups.jobs.retries | int64 }}{{ end }}
      activeDeadlineSeconds: {{ .settings.deadline | int64 }}
      template:
        metadata:
          labels:
            {{- include "platform.backups.labels" (dict "root" .root "component" .job) | nindent 12 }}
            # A proxy would outlive the last step, and the job would never end.
            sidecar.istio.io/inject: "false"
        spec:
          restartPolicy: Never
          serviceAccountName: {{ .account }}
          automountServiceAccountToken: false
          securityContext:
            runAsNonRoot: true
            runAsUser: {{ $user }}
            runAsGroup: {{ $user }}
            fsGroup: {{ $user }}
            seccompProfile: {type: RuntimeDefault}
          {{- with .steps }}
          initContainers: {{- . | nindent 12 }}
          {{- end }}
          containers: {{- .report | nindent 12 }}
          volumes:
            - name: scripts
              configMap: {name: backup-scripts, defaultMode: 0555}
            - name: work
              emptyDir: {sizeLimit: {{ .settings.work | quote }}}
            - name: tmp
              emptyDir: {sizeLimit: 64Mi}
            {{- if .token }}
            # Only for the container that asks Kubernetes.
            - name: token
              projected:
                sources:
                  - serviceAccountToken: {path: token, expirationSeconds: 3600}
                  - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
                  - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
            {{- end }}
            {{- with .authority }}
            - name: redis-ca
              secret: {secretName: {{ . | quote }}, items: [{key: ca.crt, path: ca.crt}]}
            {{- end }}
            {{- range $name, $claim := .claims }}
            - name: {{ $name }}
              persistentVolumeClaim: {claimName: {{ $claim | quote }}}
            {{- end }}
{{- end }}
