{{- /*
  What guards.allow needs in this cluster, as JSON: {namespace: [rules]}, "*" for every namespace. As `responder doctor
  kubernetes --rbac` has it: single objects by name where every line names one. What an action needs stands in
  files/permissions.yaml, which is made from the action catalogue.
*/ -}}
{{- define "responder.grants" -}}
{{- $needs := .Files.Get "files/permissions.yaml" | fromYaml -}}
{{- $grants := dict -}}
{{- if .Values.kubernetes.enabled -}}
{{- range $line := .Values.guards.allow -}}
  {{- if not (hasKey $needs $line.action) -}}
    {{- fail (printf "guards.allow: there is no action %s; there are %s" $line.action (keys $needs | sortAlpha | join ", ")) -}}
  {{- end -}}
  {{- if has ($line.cluster | default "*") (list "*" $.Values.cluster) -}}
    {{- $namespace := $line.namespace | default "*" -}}
    {{- $name := $line.name | default "*" -}}
    {{- $found := index $grants $namespace | default dict -}}
    {{- range $one := index $needs $line.action -}}
      {{- range $verb := $one.verbs -}}
        {{- $named := and (ne $name "*") (has $verb $one.single) | ternary $name "" -}}
        {{- /* The line break sorts before everything that a name can hold. */ -}}
        {{- $key := list $one.group $one.resource $named | join "\n" -}}
        {{- $_ := set $found $key (append (index $found $key | default list) $verb | uniq | sortAlpha) -}}
      {{- end -}}
    {{- end -}}
    {{- $_ := set $grants $namespace $found -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- $rules := dict -}}
{{- range $namespace, $found := $grants -}}
  {{- $listed := list -}}
  {{- range $key := keys $found | sortAlpha -}}
    {{- $parts := splitList "\n" $key -}}
    {{- $verbs := index $found $key -}}
    {{- $name := index $parts 2 -}}
    {{- $rule := dict "apiGroups" (list (index $parts 0)) "resources" (list (index $parts 1)) -}}
    {{- if $name -}}
      {{- range $verb := index $found (list (index $parts 0) (index $parts 1) "" | join "\n") | default list -}}
        {{- $verbs = without $verbs $verb -}}
      {{- end -}}
      {{- $_ := set $rule "resourceNames" (list $name) -}}
    {{- end -}}
    {{- if $verbs -}}{{- $listed = append $listed (set $rule "verbs" $verbs) -}}{{- end -}}
  {{- end -}}
  {{- if $listed -}}{{- $_ := set $rules $namespace $listed -}}{{- end -}}
{{- end -}}
{{- $rules | toJson -}}
{{- end }}
