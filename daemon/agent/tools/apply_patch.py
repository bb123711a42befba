"""Change files by a patch, as `diff -u` and git write them."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.patches import Unfitting, applied, read_patch
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Outside, Workspace


class ApplyPatch(Arguments):
    patch: str = Field(min_length=1, description="unified diff: ---/+++ lines and @@ hunks")


def apply_patch(arguments: ApplyPatch, workspace: Workspace) -> Result:
    """All of it or nothing: every hunk must fit before the first file is written."""
    try:
        changes = read_patch(arguments.patch)
        made = [(one, applied(_text(one.old, workspace), one.hunks)) for one in changes]
    except Unfitting as unfitting:
        return Result(f"error: {unfitting}; nothing was changed", ok=False)
    told = []
    for one, text in made:
        if one.new is None:
            workspace.remove(str(one.old))
            told.append(f"removed {one.old}")
            continue
        workspace.write(one.new, text)
        told.append(f"{'edited' if one.old else 'wrote'} {one.new}")
        if one.old not in (None, one.new):
            workspace.remove(str(one.old))
    return Result("\n".join(told))


def _text(path: str | None, workspace: Workspace) -> str:
    if path is None:
        return ""
    try:
        return workspace.read(path)
    except Outside as refused:
        raise Unfitting(str(refused)) from refused


APPLY_PATCH = Tool(
    "apply_patch", "Change files by a unified diff.", Risk.WRITES, ApplyPatch, apply_patch
)
