#!/bin/sh
# Writes down the configuration objects of the namespaces, as they are declared, to the backups' volume. Secrets are not
# among them: the service account may not read any.
set -eu
here=${0%/*}
. "$here/dump.sh"
lock "$BACKUPS"
drop_unfinished configuration "$BACKUPS"
name_it configuration "$BACKUPS"
part=$BACKUPS/.$name.yaml.gz.part
: > "$WORK/objects.yaml"
for namespace in $NAMESPACES; do
    if ! kubectl get "$RESOURCES" --namespace "$namespace" --output=yaml > "$WORK/listed.yaml"; then
        die 69 "kubectl could not read the objects of the namespace $namespace"
    fi
    echo "--- # namespace $namespace" >> "$WORK/objects.yaml"
    awk -f "$here/declared.awk" "$WORK/listed.yaml" >> "$WORK/objects.yaml"
done
if ! gzip -9 -c "$WORK/objects.yaml" > "$part"; then die 69 "could not write to $BACKUPS"; fi
sh "$here/configuration-check.sh" "$part"
finish "$name" "$BACKUPS"
echo "$name" > "$WORK/made"
say "$name: $(($(bytes_of "$name" "$BACKUPS"))) bytes"
