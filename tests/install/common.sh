# Sourced: what the scripts beside it share. `tests` is the folder above this one.

set -euo pipefail
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${PORTOLAN_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/portolan-tests}

say() { printf 'tests/install: %s\n' "$*" >&2; }
give_up() { say "$*"; exit 1; }

# need COMMAND HINT: ends here, with a line on how to get it, where the command is missing.
need() { command -v "$1" >/dev/null || give_up "$1 is missing: $2"; }

# digest FILE...: a short name for the contents of files (of folders: of all files in them), whatever their
# place.
digest() {
    find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | cut -d' ' -f1 | sha256sum | cut -c1-12
}

# locked FILE COMMAND...: runs the command while nobody else who asks for the same file does.
locked() {
    local lock
    mkdir -p "$(dirname "$1")"
    exec {lock}>"$1"
    flock "$lock"
    ("${@:2}") {lock}>&-
    exec {lock}>&-
}

# provide NAME KEY BUILDER: sets `place` to a folder of the cache that BUILDER, called with the folder, has
# filled once for this key. A folder whose builder failed or was interrupted is made anew; what it prints is
# kept there.
provide() {
    place=$cache/$1-$2
    [ -e "$place/.complete" ] || locked "$cache/.$1-$2.lock" fill "$1" "$place" "$3"
}

fill() {
    [ -e "$2/.complete" ] && return
    say "installing $1 in $2"
    rm -rf "$2"
    mkdir -p "$2"
    if ! bash -c 'set -euo pipefail; "$@"' "$1" "$3" "$2" >"$2.log" 2>&1; then
        tail -n 30 "$2.log" >&2
        give_up "could not install $1; all it printed is in $2.log"
    fi
    mv "$2.log" "$2/install.log"
    touch "$2/.complete"
}

# debian COMMAND PACKAGE: installs a Debian package as root where the command is missing, else says what to
# do.
debian() {
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        give_up "$1 is missing: as root, apt-get install $2"
    fi
    locked "$cache/.apt.lock" apt_install "$2"
}

apt_install() {
    say "installing Debian's $1"
    local install=(apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$1")
    export DEBIAN_FRONTEND=noninteractive
    { "${install[@]}" || { apt-get -q update && "${install[@]}"; }; } >/dev/null || give_up "could not install $1"
}
