#!/usr/bin/env bash
# Start the instance, which serves the current release. The same as: orgctl up
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -x "$ORGCTL" ] || die "org was never set up here" "run: ops/run.sh"
exec "$ORGCTL" up "$@"
