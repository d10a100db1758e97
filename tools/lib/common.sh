# SPDX-License-Identifier: BSD-3-Clause
# What the tools share. Source it; it changes to the top of the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
top=$PWD
export LC_ALL=C.UTF-8

say() { printf '%s\n' "$*"; }

# as_root COMMAND...: with sudo when it is needed.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# packages GROUP...: the names of these groups in tools/packages.txt, one a line.
packages() {
    local group
    for group in "$@"; do
        sed -n "s/^$group: //p" "$top/tools/packages.txt" | tr ' ' '\n'
    done | sort -u
}

# need GROUP...: installs what is missing of these groups, and says so.
need() {
    local missing
    missing=$(packages "$@" | while read -r name; do
        dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ||
            printf '%s ' "$name"
    done)
    [ -n "$missing" ] || return 0
    say "Installing Debian packages: $missing"
    local log
    log=$(mktemp)
    if ! { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
            -o DPkg::Lock::Timeout=300 install $missing; } >"$log" 2>&1; then
        cat "$log"
        rm -f "$log"
        say "The packages could not be installed; apt's words are above."
        return 1
    fi
    rm -f "$log"
}

# configure FOLDER OPTION...: meson setup of build/FOLDER, once; again when the options change.
configure() {
    local name=$1 folder=$top/build/$1
    shift
    if [ ! -f "$folder/.options" ] || [ "$(cat "$folder/.options")" != "$*" ]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        meson setup "$folder" "$top" "$@" >"$folder.log" 2>&1 || {
            cat "$folder.log"
            say "meson could not set up build/$name"
            return 1
        }
        printf '%s' "$*" >"$folder/.options"
    fi
}

# compile FOLDER TARGET...: ninja in build/FOLDER; its output only when it fails.
compile() {
    local folder=$top/build/$1
    shift
    ninja -C "$folder" "$@" >"$folder.log" 2>&1 || {
        grep -vE '^\[[0-9]+/[0-9]+\] ' "$folder.log" | head -n 300
        say "ninja failed in ${folder#"$top"/}"
        return 1
    }
}

# Six sources at once: most of the time goes into headers, and a build of all takes a third of it.
# What checks that each source includes what it needs is `tools/test tidy`, and tsan for the core.
unity="-Dunity=on -Dunity_size=6"
# The file that joins them names them by their whole paths: ccache is to compare what is below.
export CCACHE_BASEDIR=$top

# with_ccache COMPILER: the compiler through ccache.
with_ccache() { printf 'ccache %s' "$1"; }

# build_release [TARGET...]: ravelind and ravelinctl as they are shipped, in build/release, or other
# programs that are to be compiled and linked in the same way, from the same libraries.
build_release() {
    CXX=$(with_ccache g++) configure release --buildtype=release -Db_lto=true $unity \
        -Dtests=false -Dprograms=true &&
        compile release "$@"
}

# build_sanitized [TARGET...]: everything with address and undefined-behaviour sanitizers, with
# assertions, counting what runs, and for libFuzzer, in build/asan. One folder for whoever needs any
# of that: compiling the libraries once more for each costs more than their tests take.
build_sanitized() {
    need build unit run lint metrics differential
    export LLVM_PROFILE_FILE=/dev/null  # what nobody wants counted
    # clang++ compiles with sanitizers in a quarter of the time that g++ takes. Lines are all that a
    # report of theirs needs of debug information, and what isn't hot needn't be optimised.
    CXX=$(with_ccache clang++) configure asan --buildtype=debug -Doptimization=0 -Ddebug=false \
        -Dcpp_args=-gline-tables-only -Db_sanitize=address,undefined -Db_lundef=false \
        -Ddifferential=true -Dfuzz=true -Dcoverage=true $unity &&
        compile asan "$@"
}
