"""orgctl: steer an org instance; what is slow to import is imported late."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from typing import Any

import typer

from ops.errors import Exit, Refused, Trouble
from ops.orgctl import instance  # the verbs, in the order in which help shows them

# isort: split
from ops.orgctl import events

# isort: split
from ops.orgctl import top

# isort: split
from ops.orgctl import plot

# isort: split
from ops.orgctl import token

# isort: split
from ops.orgctl import shell

# isort: split
from ops.orgctl import goals

# isort: split
from ops.orgctl import evolution

# isort: split
from ops.orgctl import steering

# isort: split
from ops.orgctl import models

# isort: split
from ops.orgctl import releases

# isort: split
from ops.orgctl import nights

# isort: split
from ops.orgctl import reports

# isort: split
from ops.orgctl import upkeep

# isort: split
from ops.orgctl import chat

# isort: split
from ops.orgctl import memory

# isort: split
from ops.orgctl import skills

# isort: split
from ops.orgctl import namespaces

# isort: split
from ops.orgctl import team

# isort: split
from ops.orgctl import vm

# isort: split
from ops.orgctl.common import ASKED, app, take_common
from ops.orgctl.owner import become

INTERRUPTED = 130
# What is wrong with the name of a file, and not with the machine.
MISNAMED = frozenset(
    {
        *(errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP),
        *(errno.ENAMETOOLONG, errno.ENXIO, errno.ENODEV),
    }
)
TOLD_CHARS_MAX = 1000
VERBS = (
    instance,
    events,
    top,
    plot,
    token,
    shell,
    goals,
    evolution,
    steering,
    models,
    releases,
    nights,
    reports,
    upkeep,
    chat,
    memory,
    skills,
    namespaces,
    team,
    vm,
)
# What the daemon does to its end, whether or not somebody waits for it.
GOES_ON = frozenset({"evolve", "fitness", "promote", "approve", "rollback", "up"})


def main(argv: list[str]) -> int:
    """Every end is an exit code; trouble is one sentence and one next step."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a locale may lack our marks
    if shell.COMPLETE in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
    try:
        code = _run(take_common(argv))
        sys.stdout.flush()
        return code
    except Trouble as trouble:
        return _tell(trouble.message, trouble.hint, trouble.code)
    except (BrokenPipeError, SystemExit):  # typer's own way out of a closed pipe is an exit
        _say_no_more()
        return Exit.DONE  # whoever read our output has enough
    except OSError as error:
        return _not_done(error)


def _say_no_more() -> None:
    """What is left to be printed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def _not_done(error: OSError) -> int:
    """The machine said no; to a file that cannot be what it was named for, that is misuse."""
    why = (error.strerror or str(error)).lower()
    if error.filename is None:
        if error.errno == errno.ENOSPC:  # what took our output
            _say_no_more()
        return _tell(f"not done: {why}", "see: orgctl doctor", Exit.JUDGED_NO)
    text = f"{os.fsdecode(error.filename)}: {why}"
    if isinstance(error, PermissionError):
        hint = "run it as the owner of the instance, or name another file"
        return _tell(text, hint, Exit.MISUSE)
    if error.errno in MISNAMED:
        return _tell(text, "name another file", Exit.MISUSE)
    return _tell(text, "see: orgctl doctor", Exit.JUDGED_NO)


def _run(argv: list[str]) -> int:
    become(ASKED.layout.home, argv)
    command = typer.main.get_command(app)
    try:
        result = command.main(argv, prog_name="orgctl", standalone_mode=False)
    except typer.Abort:  # at a question
        return _tell("interrupted; nothing was changed", "", INTERRUPTED)
    except Exception as usage:
        if not hasattr(usage, "format_message"):
            raise
        return _misused(usage)
    if result == INTERRUPTED:
        return _interrupted(argv)
    return int(result or 0)


def _misused(usage: Any) -> int:
    """What typer says of a command line, in our shape; a group without a verb shows its help."""
    path = usage.ctx.command_path if usage.ctx else "orgctl"
    if type(usage).__name__ == "NoArgsIsHelpError":
        if not ASKED.as_json:
            print(usage.format_message(), file=sys.stderr)
            return Exit.MISUSE
        raise Refused("no verb was named", f"see: {path} --help")
    text = str(usage.format_message()).rstrip(".")
    raise Refused(text[:1].lower() + text[1:], f"see: {path} --help")


def _interrupted(argv: list[str]) -> int:
    verb = next((word for word in argv if not word.startswith("-")), "")
    if verb not in GOES_ON:
        return INTERRUPTED
    text = f"interrupted; what {verb} began goes on"
    return _tell(text, "watch it with: orgctl attach; end it with: orgctl down", INTERRUPTED)


def _tell(message: str, hint: str, code: int) -> int:
    from ops import render

    if ASKED.as_json:
        print(json.dumps({"error": message, "hint": hint}), flush=True)
        return int(code)
    print(f"orgctl: {render.line(message, TOLD_CHARS_MAX)}", file=sys.stderr)
    if hint:
        print(f"  {render.line(hint, TOLD_CHARS_MAX)}", file=sys.stderr)
    return int(code)
