"""orgctl: steer an org instance; what is slow to import is imported late."""

from __future__ import annotations

import json
import sys

import typer

from ops.errors import Exit, Refused, Trouble
from ops.orgctl import instance  # the verbs, in the order in which help shows them

# isort: split
from ops.orgctl import goals

# isort: split
from ops.orgctl import evolution

# isort: split
from ops.orgctl import releases

# isort: split
from ops.orgctl.common import ASKED, app, take_common

INTERRUPTED = 130
VERBS = (instance, goals, evolution, releases)


def main(argv: list[str]) -> int:
    """Every end is an exit code; trouble is one sentence and one next step."""
    try:
        return _run(take_common(argv))
    except Trouble as trouble:
        return _trouble(trouble)
    except KeyboardInterrupt:
        print("\ninterrupted; what was begun goes on: orgctl status", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has enough
        return Exit.DONE


def _run(argv: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        result = command.main(argv, prog_name="orgctl", standalone_mode=False)
    except typer.Exit as end:
        return int(end.exit_code)
    except typer.Abort:
        return INTERRUPTED
    except Exception as usage:
        if not hasattr(usage, "format_message"):
            raise
        text = str(usage.format_message()).rstrip(".")
        raise Refused(text[:1].lower() + text[1:], "see: orgctl --help") from None
    return int(result or 0)


def _trouble(trouble: Trouble) -> int:
    if ASKED.as_json:
        print(json.dumps({"error": trouble.message, "hint": trouble.hint}))
        return int(trouble.code)
    from ops import render

    print(f"orgctl: {render.safe(trouble.message)}", file=sys.stderr)
    if trouble.hint:
        print(f"  {render.safe(trouble.hint)}", file=sys.stderr)
    return int(trouble.code)
