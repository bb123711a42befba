#!/usr/bin/env bash
# Serve a commit on :7002 and ask it who it is; it ends with the judgement.
#   ops/start-candidate.sh REF [ARGS…]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -x "$ORGCTL" ] || die "org was never set up here" "run: ops/run.sh"
exec "$ORGCTL" fitness --gate identity "$@"
