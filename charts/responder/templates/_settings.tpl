{{- /* responder.yaml, as JSON: what the chart decides, with `config` laid over it. Others refuse what cannot be. */ -}}
{{- define "responder.settings" -}}
{{- $v := .Values -}}
{{- range $key := list "listen" "storage" "rules" "auth" "people" "kubernetes" "sandbox" "overrides" -}}
  {{- if hasKey $v.config $key -}}
    {{- fail (printf "config.%s: the chart sets it%s" $key (index (dict "listen" ", by service.port" "storage" ", to the volume" "rules" "; see the value rules" "auth" "; see the value auth" "people" "; see auth.people" "kubernetes" "; see the value kubernetes" "sandbox" "; there is none in a cluster" "overrides" "; there is none in a cluster") $key)) -}}
  {{- end -}}
{{- end -}}
{{- if hasKey ($v.config.guards | default dict) "allow" -}}
  {{- fail "config.guards.allow: write it as guards.allow, which the Roles are made from" -}}
{{- end -}}
{{- $name := include "responder.fullname" . -}}
{{- $hosts := list -}}
{{- range list "" (printf ".%s" .Release.Namespace) (printf ".%s.svc" .Release.Namespace) (printf ".%s.svc.%s" .Release.Namespace $v.clusterDomain) -}}
  {{- $hosts = append $hosts (printf "%s%s:%d" $name . (int $v.service.port)) -}}
{{- end -}}
{{- $hosts = concat $hosts (list $v.ingress.host $v.istio.host | compact) ($v.config.hosts | default list) | uniq -}}
{{- $own := dict
  "listen" (printf "%s:%d" $v.service.address (int $v.service.port))
  "external_url" (include "responder.url" .)
  "hosts" $hosts
  "storage" "sqlite:////var/lib/responder/responder.db"
  "rules" "/etc/responder/rules"
  "secrets_dir" "/etc/responder/secrets"
  "auth" (dict "tokens_file" "/etc/responder/access/tokens.yaml" "metrics" $v.auth.metrics)
  "people" "/etc/responder/access/people.yaml"
  "guards" (dict "allow" $v.guards.allow)
-}}
{{- $files := dict -}}
{{- range $key, $file := $v.secrets.files -}}
  {{- if $file -}}{{- $_ := set $files $key (printf "/etc/responder/secrets/%s" $file) -}}{{- end -}}
{{- end -}}
{{- $slack := dict -}}
{{- range $setting, $key := dict "bot_token_file" "slackBotToken" "signing_secret_file" "slackSigningSecret" "app_token_file" "slackAppToken" -}}
  {{- with index $files $key -}}{{- $_ := set $slack $setting . -}}{{- end -}}
{{- end -}}
{{- if $slack -}}{{- $_ := set $own "slack" $slack -}}{{- end -}}
{{- with $files.pagerdutyRoutingKey -}}{{- $_ := set $own "pagerduty" (dict "routing_key_file" .) -}}{{- end -}}
{{- if $v.smtp.smarthost -}}
  {{- $smtp := dict "smarthost" $v.smtp.smarthost "from" $v.smtp.from -}}
  {{- if $v.smtp.username -}}
    {{- $_ := set $smtp "auth_username" $v.smtp.username -}}
    {{- $_ := set $smtp "auth_password_file" (required "secrets.files.smtpPassword: needed with smtp.username" $files.smtpPassword) -}}
  {{- end -}}
  {{- $_ := set $own "smtp" $smtp -}}
{{- end -}}
{{- if $v.prometheus.url -}}
  {{- $prometheus := dict "url" $v.prometheus.url -}}
  {{- with $files.prometheusToken -}}{{- $_ := set $prometheus "token_file" . -}}{{- end -}}
  {{- $_ := set $own "prometheus" $prometheus -}}
{{- end -}}
{{- $clusters := $v.kubernetes.others -}}
{{- if $v.kubernetes.enabled -}}{{- $clusters = prepend $clusters (dict "cluster" $v.cluster) -}}{{- end -}}
{{- if $clusters -}}{{- $_ := set $own "kubernetes" $clusters -}}{{- end -}}
{{- mergeOverwrite $own (omit (deepCopy $v.config) "hosts") | toJson -}}
{{- end }}

{{- define "responder.tokens" -}}
{{ .Values.auth.tokens | toYaml }}
{{- end }}

{{- define "responder.people" -}}
{{ .Values.auth.people | toYaml }}
{{- end }}

{{- /* The rules as JSON: {rules: {path: text}, runbooks: {path: text}}, the chart's own under the values'. */ -}}
{{- define "responder.rules" -}}
{{- $own := dict -}}
{{- range $path, $_ := .Files.Glob "rules/*.yaml" -}}{{- $_ := set $own (trimPrefix "rules/" $path) ($.Files.Get $path) -}}{{- end -}}
{{- range $path, $_ := .Files.Glob "rules/runbooks/*.md" -}}{{- $_ := set $own (trimPrefix "rules/" $path) ($.Files.Get $path) -}}{{- end -}}
{{- range .Values.rules.without -}}
  {{- if not (hasKey $own .) -}}
    {{- fail (printf "rules.without: the chart has no %s; it has %s" . (keys $own | sortAlpha | join ", ")) -}}
  {{- end -}}
  {{- $_ := unset $own . -}}
{{- end -}}
{{- $found := merge (deepCopy .Values.rules.files) $own -}}
{{- if not (hasKey $found "routing.yaml") -}}{{- fail "rules: there is no routing.yaml left" -}}{{- end -}}
{{- $parts := dict "rules" dict "runbooks" dict -}}
{{- range $path, $text := $found -}}
  {{- $_ := set (index $parts (hasPrefix "runbooks/" $path | ternary "runbooks" "rules")) $path $text -}}
{{- end -}}
{{- $parts | toJson -}}
{{- end }}
