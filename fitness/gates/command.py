"""A command that another repo named as its gate, run in a writable copy of the candidate."""

from __future__ import annotations

from pathlib import Path

from fitness.subject import GateCommand, Subject
from fitness.verdict import Verdict, failed, passed
from ops.cell import Mount
from ops.files import remove_tree

INSIDE = "/workspace"
SHOWN_CHARS_MAX = 300


def judge(subject: Subject, asked: GateCommand) -> Verdict:
    copy = subject.scratch(asked.name) / "tree"
    subject.copy(copy)
    try:
        mounts = (Mount(copy, Path(INSIDE), writable=True),)
        done = subject.cell(asked.command, mounts, asked.limit_seconds, directory=INSIDE)
    finally:
        remove_tree(copy.parent)
    said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
    if done.exit == 0:
        return passed(asked.name, "the command succeeded", output=said[-20_000:])
    how = f"was stopped at its {done.limit} limit" if done.limit else f"ended with {done.exit}"
    if done.signal and not done.limit:
        how = f"was ended by signal {done.signal}"
    last = said.splitlines()[-1][:SHOWN_CHARS_MAX] if said else "it said nothing"
    return failed(asked.name, f"the command {how}: {last}", output=said[-20_000:])
