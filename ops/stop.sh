#!/usr/bin/env bash
# End everything that ops/run.sh started: daemon, cells, tmux session. The instance stays.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
case ${1:-} in
--home) [ $# -ge 2 ] || die "--home needs a directory"; export ORG_HOME=$2 ;;
--home=*) export ORG_HOME=${1#--home=} ;;
'') ;;
*) die "unknown option $1" "usage: ops/stop.sh [--home DIR]" ;;
esac
[ -x "$ORGCTL" ] || die "org was never set up here" "run: ops/run.sh"
home=$(home_of)
code=0
"$ORGCTL" down --yes || code=$?
"$ORGCTL" detach
[ -z "$home" ] || "$VENV/bin/python" -I "$ROOT/ops/boot.py" ops.local_model stop "$home/run/model.json"
[ "$code" = 5 ] || exit "$code" # it was down before: nothing to end
