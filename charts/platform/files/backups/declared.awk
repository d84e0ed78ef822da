# Of a List that `kubectl get --output=yaml` wrote: what was declared, without what the cluster added to it, so that
# `kubectl apply` takes it, in this cluster or in a new one.
function indent(line) { match(line, /^ */); return RLENGTH }
# A new item, and a new part of one: "- apiVersion", "  metadata:". Lines of a text inside are deeper.
/^- / { part = "" }
/^[- ] [A-Za-z]/ { part = $0; sub(/^[- ] /, "", part); sub(/:.*/, "", part); drop = 0 }
/^  kind: / { kind = $2 }
part == "status" { next }
# What was left out goes on as long as lines are deeper, or are items at its own depth.
drop && (indent($0) > 4 || $0 ~ /^    - /) { next }
{ drop = 0 }
part == "metadata" && /^    (uid|resourceVersion|creationTimestamp|generation|managedFields|selfLink):/ { drop = 1; next }
# Addresses are given by the cluster; "None" is declared.
part == "spec" && /^    clusterIP: None$/ { print; next }
part == "spec" && /^    (clusterIP|clusterIPs):/ { drop = 1; next }
{ print }
