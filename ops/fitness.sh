#!/usr/bin/env bash
# Judge a commit by the gates of main. The same as: orgctl fitness [ARGS…]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -x "$ORGCTL" ] || die "org was never set up here" "run: ops/run.sh"
exec "$ORGCTL" fitness "$@"
