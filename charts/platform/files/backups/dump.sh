# What a dump is, and when it may be used. The scripts beside it source this file; it runs nothing itself.
#
# A dump is the files KIND-STAMP.*, one of which, KIND-STAMP.sha256, lists the others with their checksums. That one is
# written last: without it there is no dump, whatever else lies there. What is unfinished is called .KIND-*.part.

# To people, with the time and who says it.
say() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) ${0##*/}: $*" >&2; }

# STATUS TEXT: 65, a dump cannot be used; 69, somebody does not answer or will not; 75, another run is under way.
die() {
    status=$1
    shift
    say "$*"
    exit "$status"
}

# SECONDS since 1970, as they stand in names: sorted as text, they are in order.
stamp() { date -u -d "@$1" +%Y%m%dT%H%M%SZ; }

# NAME of a dump: how many seconds old it is.
age() {
    then=$(echo "${1##*-}" | sed 's/^\(....\)\(..\)\(..\)T\(..\)\(..\)\(..\)Z$/\1-\2-\3 \4:\5:\6/')
    echo $(($(date -u +%s) - $(date -u -d "$then" +%s)))
}

# DIRECTORY: nobody else writes there until this process and its children are gone, kill -9 included. Waits LOCK_WAIT s.
lock() {
    exec 9> "$1/.lock"
    waited=0
    until flock -n 9; do
        if [ "$waited" -ge "$LOCK_WAIT" ]; then die 75 "another run has held $1/.lock for $waited s: nothing was done"; fi
        sleep 1
        waited=$((waited + 1))
    done
}

# KIND DIRECTORY: what a run that was killed left there. Only under the lock.
drop_unfinished() {
    rm -f "$2/.$1"-*.part
    for there in "$2/$1"-*; do
        file=${there##*/}
        if [ ! -e "$2/${file%%.*}.sha256" ]; then rm -f "$there"; fi
    done
}

# KIND DIRECTORY: sets `name` to one that no dump there has. Only under the lock.
name_it() {
    name=$1-$(stamp "$(date +%s)")
    while [ -e "$2/$name.sha256" ]; do
        sleep 1
        name=$1-$(stamp "$(date +%s)")
    done
}

# NAME DIRECTORY: gives the .NAME.*.part there their names, once their checksums are on the disk.
finish() {
    for part in "$2/.$1".*.part; do
        named=${part##*/.}
        sum=$(sha256sum < "$part")
        echo "${sum%% *}  ${named%.part}" >> "$2/.$1.part" || die 69 "could not write to $2"
    done
    sync "$2/.$1".*.part "$2/.$1.part"
    for part in "$2/.$1".*.part; do
        named=${part##*/.}
        mv "$part" "$2/${named%.part}"
    done
    mv "$2/.$1.part" "$2/$1.sha256"
    sync "$2"
}

# NAME DIRECTORY: dies unless each of its files is as it was written.
whole() {
    if [ ! -s "$2/$1.sha256" ]; then die 65 "$1 has no checksums: it is no dump, or an unfinished one"; fi
    if ! wrong=$(cd "$2" && sha256sum -c "$1.sha256" 2>&1); then
        say "$wrong"
        die 65 "$1 is not as it was written: cut off, or damaged"
    fi
}

# FILE BYTES: dies if it has fewer.
at_least() {
    bytes=$(wc -c < "$1")
    if [ "$bytes" -lt "$2" ]; then die 65 "${1##*/} has $((bytes)) bytes, fewer than $2: it is empty, or cut off"; fi
}

# NAME DIRECTORY: how many bytes its files take.
bytes_of() { cat "$2/$1".* | wc -c; }
