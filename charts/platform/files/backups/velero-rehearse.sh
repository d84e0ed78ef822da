#!/bin/sh
# Has Velero restore what declares the application, from its newest daily backup, into a namespace of its own, and removes
# it again. Nothing is started there: what would run, and would write to the real databases, is left out.
set -eu
. "${0%/*}/dump.sh"
name=rehearsal-$(stamp "$(date +%s)" | tr '[:upper:]' '[:lower:]')
ask() { kubectl --namespace "$VELERO_NAMESPACE" "$@"; }
clear_away() {
    if ! kubectl delete namespace "$SCRATCH_NAMESPACE" --ignore-not-found --wait=false > /dev/null; then
        say "the namespace $SCRATCH_NAMESPACE is still there"
    fi
}
if ! ask create --filename - > /dev/null <<YAML
apiVersion: velero.io/v1
kind: Restore
metadata: {name: $name}
spec:
  scheduleName: $SCHEDULE
  includedNamespaces: [$NAMESPACE]
  includedResources: [$INCLUDED]
  namespaceMapping: {$NAMESPACE: $SCRATCH_NAMESPACE}
  restorePVs: $VOLUMES
YAML
then
    die 69 "Velero could not be asked for a restore"
fi
trap clear_away EXIT
waited=0
phase=
until [ "$waited" -ge "$PATIENCE" ]; do
    phase=$(ask get restores.velero.io "$name" --output 'jsonpath={.status.phase}')
    case $phase in
        Completed) break ;;
        *Failed*)
            why=$(ask get restores.velero.io "$name" --output 'jsonpath={.status.failureReason}{.status.validationErrors}')
            die 65 "the restore $name of Velero ended as $phase: $why"
            ;;
    esac
    sleep "$INTERVAL"
    waited=$((waited + INTERVAL))
done
if [ "$phase" != Completed ]; then die 69 "the restore $name of Velero is still ${phase:-new} after $waited s"; fi
items=$(ask get restores.velero.io "$name" --output 'jsonpath={.status.progress.itemsRestored}')
if [ "${items:-0}" -lt "$MINIMUM_ITEMS" ]; then
    die 65 "the restore $name of Velero brought back ${items:-0} objects, fewer than $MINIMUM_ITEMS"
fi
say "Velero restored $items objects into $SCRATCH_NAMESPACE"
