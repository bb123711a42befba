#!/usr/bin/env bash
# Put a judged candidate into service. The same as: orgctl promote [ARGS…]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -x "$ORGCTL" ] || die "org was never set up here" "run: ops/run.sh"
exec "$ORGCTL" promote "$@"
