#!/usr/bin/env bash
# Serve the former release again. The same as: orgctl rollback [ARGS…]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -x "$ORGCTL" ] || die "org was never set up here" "run: ops/run.sh"
exec "$ORGCTL" rollback "$@"
