{{- /*
alertmanager.yml: the routes of config/alertmanager-snippet.yml as they are, with this platform's addresses and files.
*/ -}}
{{- define "platform.monitoring.alertmanagerConfig" -}}
{{- $values := .Values.monitoring.alertmanager -}}
{{- $path := "files/monitoring/alertmanager.yml" -}}
{{- $config := .Files.Get $path | fromYaml -}}
{{- if $config.Error }}{{ fail (printf "%s: %s" $path $config.Error) }}{{ end -}}
{{- range $receiver := $config.receivers -}}
{{- if eq $receiver.name "responder" -}}
{{- $webhook := first $receiver.webhook_configs -}}
{{- $_ := set $webhook "url" $values.responder.url -}}
{{- with $values.responder.tokenSecret -}}
{{- if .name -}}
{{- $file := printf "/etc/alertmanager/secrets/%s/%s" .name .key -}}
{{- $_ := set $webhook "http_config" (dict "authorization" (dict "credentials_file" $file)) -}}
{{- end -}}
{{- end -}}
{{- else if eq $receiver.name "pagerduty-direct" -}}
{{- with $values.pagerduty.keySecret -}}
{{- $_ := set (first $receiver.pagerduty_configs) "routing_key_file" (printf "/etc/alertmanager/secrets/%s/%s" .name .key) -}}
{{- end -}}
{{- else -}}
{{- fail (printf "%s: nobody here knows the receiver %s" $path $receiver.name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end }}

{{- /* The Secrets that it reads, each mounted under its name: what the operator does with `secrets`. */ -}}
{{- define "platform.monitoring.alertmanagerSecrets" -}}
{{- $values := .Values.monitoring.alertmanager -}}
{{- list $values.responder.tokenSecret.name $values.pagerduty.keySecret.name | compact | uniq | toJson -}}
{{- end }}
