#!/usr/bin/env bash
# Set up, then run the tests: the fast ones, or with --system those that need the machine.
#   ops/test.sh [--system] [PYTEST ARGS…]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
set_up
cd "$ROOT"
system='crash or attack or guest or docker or browser or model or valkey or peer'
if [ "${1:-}" = --system ]; then
    shift
    exec "$VENV/bin/python" -m pytest -m "$system" "$@"
fi
exec "$VENV/bin/python" -m pytest -n 3 --dist worksteal -m "not ($system)" "$@"
