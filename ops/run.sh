#!/usr/bin/env bash
# Set everything up, start org, and let it improve itself once.
#   ops/run.sh [--home DIR] [--model local]
# Run again, it only says what runs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

local_model=''
while [ $# -gt 0 ]; do
    case $1 in
    --home) [ $# -ge 2 ] || die "--home needs a directory"; export ORG_HOME=$2; shift 2 ;;
    --home=*) export ORG_HOME=${1#--home=}; shift ;;
    --model)
        [ "${2:-}" = local ] || die "--model knows only: local" "other endpoints: set OLLAMA_BASE"
        local_model=yes; shift 2 ;;
    -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "unknown option $1" "see: ops/run.sh --help" ;;
    esac
done

set_up
code=0
"$ORGCTL" status --json >/dev/null 2>&1 || code=$?
if [ "$code" = 0 ]; then
    say "org runs already"
    "$ORGCTL" status
    exit 0
fi
[ "$code" != 4 ] || "$ORGCTL" init
if [ -n "$local_model" ]; then
    home=$(home_of)
    say "starting a small model of its own (the first time it is downloaded: 1.1 GB)"
    named=$("$VENV/bin/python" -I "$ROOT/ops/boot.py" ops.local_model start "$home/run/model.json")
    # shellcheck disable=SC2163 -- two assignments in one line
    export ${named?}
    say "$named"
fi
"$ORGCTL" up
"$ORGCTL" attach </dev/null | cat
if "$ORGCTL" candidates --json | grep -q '"candidates": \[\]'; then # it never evolved yet
    outcome=0
    "$ORGCTL" evolve --wait || outcome=$?
    # A rejection is an outcome as good as another; anything else is trouble.
    [ "$outcome" -le 1 ] || exit "$outcome"
fi
cat <<END

org is running. Go on with:
  $ORGCTL status
  $ORGCTL attach
  $ORGCTL evolve --wait --goal "what should become better"
  $ORGCTL rollback
  $ROOT/ops/stop.sh
END
