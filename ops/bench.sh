#!/usr/bin/env bash
# Run one benchmark; its figures are one JSON object, last on standard output.
#   ops/bench.sh NAME [ARGS…]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
name=${1:-}
[ -n "$name" ] && [ -f "$ROOT/tests/bench/$name.py" ] ||
    die "no benchmark ${name:-was named}" "there are: $(cd "$ROOT/tests/bench" && ls *.py | sed 's/\.py$//' | tr '\n' ' ')"
shift
set_up
cd "$ROOT"
exec "$VENV/bin/python" -m "tests.bench.$name" "$@"
