# Shared by the scripts: find Python, install what is missing, make .venv. Sourced, not run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
LOCK=$ROOT/ops/requirements.lock
ORGCTL=$VENV/bin/orgctl

say() { printf '%s\n' "$*" >&2; }

die() { # sentence, next step
    say "$1"
    [ -z "${2:-}" ] || say "  $2"
    exit 2
}

# A command and Debian's package that has it.
NEEDED=(git:git tmux:tmux bwrap:bubblewrap ssh-keygen:openssh-client python3:python3)

missing_packages() { # [COMMAND:PACKAGE…]
    local pair
    for pair in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || printf '%s ' "${pair#*:}"
    done
    python3 -c 'import ensurepip, venv' 2>/dev/null || printf 'python3-venv '
}

install_missing() { # [COMMAND:PACKAGE…]
    local wanted
    wanted=$(missing_packages "${NEEDED[@]}" "$@")
    [ -n "$wanted" ] || return 0
    local line="apt-get update && apt-get install -y --no-install-recommends $wanted"
    command -v apt-get >/dev/null || die "missing: $wanted" "install them with your package manager"
    local as=''
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || die "missing: $wanted" "run: sudo sh -c '$line'"
        as='sudo -n'
    fi
    say "installing $wanted"
    $as apt-get update -qq >/dev/null || die "apt-get update failed" "try: $line"
    # shellcheck disable=SC2086 -- a list of names
    DEBIAN_FRONTEND=noninteractive $as apt-get install -y -qq --no-install-recommends $wanted \
        >/dev/null || die "apt-get install failed" "try: $line"
}

make_venv() {
    local stamp key
    export UV_SYSTEM_CERTS=true # the machine's own list of authorities, as pip has it
    stamp=$VENV/.lock-installed
    key=$(sha256sum "$LOCK" | cut -d' ' -f1)
    if [ "$(cat "$stamp" 2>/dev/null)" != "$key" ]; then
        python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
            die "Python 3.11 or newer is needed, this is $(python3 -V)" "install python3.11"
        say "making the environment"
        [ -x "$VENV/bin/python" ] || python3 -m venv "$VENV" ||
            die "the environment could not be made" "remove $VENV and try again"
        "$VENV/bin/python" -m uv --version >/dev/null 2>&1 || install_uv ||
            die "uv could not be installed" "check that pip reaches a package registry"
        "$VENV/bin/python" -m uv pip sync -q --python "$VENV/bin/python" --require-hashes "$LOCK" ||
            die "the packages could not be installed" "check that pip reaches a package registry"
        printf '%s\n' "$key" >"$stamp"
    fi
    write_orgctl
}

install_uv() { # the one that the lock names, and no other bytes
    awk '/^[a-z]/ { wanted = /^uv==/ } wanted' "$LOCK" >"$VENV/uv.lock"
    "$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps \
        --require-hashes -r "$VENV/uv.lock"
}

write_orgctl() {
    cat >"$ORGCTL.new" <<END
#!/bin/sh
exec "$VENV/bin/python" -I "$ROOT/ops/boot.py" ops.orgctl "\$@"
END
    chmod +x "$ORGCTL.new"
    mv "$ORGCTL.new" "$ORGCTL"
}

home_of() { # the instance's home, whether it runs or not; nothing when there is none
    { "$ORGCTL" status --json 2>/dev/null || true; } |
        "$VENV/bin/python" -c 'import json, sys; print(json.load(sys.stdin).get("home", ""))'
}

set_up() {
    install_missing
    make_venv
}
