#!/usr/bin/env bash
# Install org as a service of this Debian machine, from this checkout; or take it away again.
#   sudo ops/install.sh [--llm HOST:PORT] [--listen ADDRESS] [--wheelhouse DIR] [--no-start]
#   sudo ops/install.sh --uninstall         program and units go, the instance stays
#   sudo ops/install.sh --purge [--yes]     the instance goes too
# Run again with a newer checkout, it upgrades: callers wait at the open ports meanwhile.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() { say "$1"; [ -z "${2:-}" ] || say "  $2"; exit 2; }

purge='' yes='' arguments=()
for word in "$@"; do
    case $word in
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    --yes | -y) yes=yes ;;
    --purge) purge=yes; arguments+=("$word") ;;
    *) arguments+=("$word") ;;
    esac
done
[ "$(id -u)" = 0 ] || die "only root may install a service" "run: sudo $0 $*"

if [ -n "$purge" ] && [ -z "$yes" ]; then
    [ -t 0 ] || die "to remove the instance in /var/lib/org needs a yes" "say it with --yes"
    read -r -p "remove the instance in /var/lib/org, with its whole history? [y/N] " answer
    [ "$answer" = y ] || die "nothing was changed"
fi

missing() {
    command -v git >/dev/null || printf 'git '
    command -v tmux >/dev/null || printf 'tmux '
    command -v bwrap >/dev/null || printf 'bubblewrap '
    command -v ssh-keygen >/dev/null || printf 'openssh-client '
    command -v nft >/dev/null || printf 'nftables '
    command -v python3 >/dev/null || printf 'python3 '
    command -v systemctl >/dev/null || printf 'systemd '
    [[ " $* " == *" --wheelhouse"* ]] || python3 -c 'import ensurepip' 2>/dev/null || printf 'python3-venv '
}

case " ${arguments[*]:-} " in
*" --uninstall "* | *" --purge "*) ;;
*)
    wanted=$(missing "$@")
    if [ -n "$wanted" ]; then
        say "installing $wanted"
        apt-get update -qq >/dev/null || die "apt-get update failed"
        # shellcheck disable=SC2086 -- a list of names
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted \
            >/dev/null || die "apt-get install failed" "install: $wanted"
    fi
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "Python 3.11 or newer is needed, this is $(python3 -V)" "Debian 12 has it"
    ;;
esac
exec python3 -I "$ROOT/ops/boot.py" ops.units "${arguments[@]}"
