#!/usr/bin/env bash
# Set up, then run the tests: the fast ones, or with --system those that need the machine.
#   ops/test.sh [--system] [PYTEST ARGS…]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
set_up
cd "$ROOT"
of_the_machine=(
    dockerd:docker.io chromium:chromium chromedriver:chromium-driver socat:socat
    mmdebstrap:mmdebstrap qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils
    busybox:busybox-static mkfs.ext4:e2fsprogs nft:nftables
    virt-xml-validate:libvirt-clients cloud-init:cloud-init
)
system='journey or crash or attack or guest or docker or browser or model or valkey or peer'
if [ "${1:-}" = --system ]; then
    shift
    install_missing "${of_the_machine[@]}"
    # Two at a time: they wait a lot, and each has a home of its own.
    code=0
    "$VENV/bin/python" -m pytest -n 2 --dist loadgroup --durations 25 -m 'journey or crash or attack' "$@" || code=$?
    "$VENV/bin/python" -m pytest -n 2 --dist loadgroup --durations 25 -m "($system) and not (journey or crash or attack)" "$@" || code=$?
    exit "$code"
fi
exec "$VENV/bin/python" -m pytest -n 3 --dist worksteal -m "not ($system)" "$@"
