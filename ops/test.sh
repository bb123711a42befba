#!/usr/bin/env bash
# Set up, then run the tests: the fast ones, or with --system those that need the machine.
#   ops/test.sh [--system] [PYTEST ARGS…]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
set_up
cd "$ROOT"
of_the_machine=(
    dockerd:docker.io chromium:chromium chromedriver:chromium-driver socat:socat zsh:zsh fish:fish
    mmdebstrap:mmdebstrap qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils
    busybox:busybox-static mkfs.ext4:e2fsprogs nft:nftables
    virt-xml-validate:libvirt-clients xmllint:libxml2-utils cloud-init:cloud-init
)
forgers='leaving_early or verdict_of_its_own or false_identity'
fugitives='left_behind or from_inside or the_broker_gives'
later='random_instants'
system='journey or crash or attack or guest or docker or browser or model or valkey or peer'
if [ "${1:-}" = --system ]; then
    shift
    install_missing "${of_the_machine[@]}"
    several='(journey or crash or attack) and not model' code=0 beside=$(mktemp)
    # Three at a time, each begun when one has ended: they wait a lot, and have homes of their own.
    "$VENV/bin/python" -m pytest -n 3 --maxschedchunk 1 --durations 25 -m "$several" \
        -k "not ($later)" "$@" || code=$?
    # The guest waits for its machine; meanwhile the others, which all take turns: a model takes
    # whatever processors there are.
    "$VENV/bin/python" -m pytest --durations 25 -m "guest and not ($several)" "$@" >"$beside" 2>&1 &
    "$VENV/bin/python" -m pytest --durations 25 -m "($system) and not guest and not ($several)" "$@" ||
        code=$?
    # Who would forge a verdict, and who would get out, once more within the other kind of walls.
    ORG_ATTACK_CELLS=docker "$VENV/bin/python" -m pytest --durations 5 -m attack \
        -k "$forgers or $fugitives" "$@" || code=$?
    # The guest is not done yet, and leaves a processor to those that need no other test beside them.
    "$VENV/bin/python" -m pytest --durations 5 -m "$several" -k "$later" "$@" || code=$?
    wait "$!" || code=$?
    cat "$beside"
    rm "$beside"
    exit "$code"
fi
exec "$VENV/bin/python" -m pytest -n 3 --dist worksteal -m "not ($system)" "$@"
