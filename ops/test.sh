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
    # What kills and attacks has homes of its own and waits a lot: two at a time.
    code=0
    "$VENV/bin/python" -m pytest -n 2 --dist loadgroup --durations 25 -m 'journey or crash or attack' "$@" || code=$?
    "$VENV/bin/python" -m pytest -m "($system) and not (journey or crash or attack)" "$@" || code=$?
    exit "$code"
fi
exec "$VENV/bin/python" -m pytest -n 3 --dist worksteal -m "not ($system)" "$@"
