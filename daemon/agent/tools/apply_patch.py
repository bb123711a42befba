"""Change files by a patch, as `diff -u` and git write them."""

from __future__ import annotations

from pydantic import Field

from daemon.agent.patches import Change, Unfitting, applied, read_patch
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Outside, Workspace

Files = dict[str, str | None]  # texts by their paths; None is a file that is not there


class ApplyPatch(Arguments):
    patch: str = Field(min_length=1, description="unified diff: ---/+++ lines and @@ hunks")


def apply_patch(arguments: ApplyPatch, workspace: Workspace) -> Result:
    """All of it or nothing: all hunks fit, and all files may be written, before the first is."""
    files: Files = {}
    before: Files = {}
    try:
        told = [_folded(one, files, before, workspace) for one in read_patch(arguments.patch)]
        _write(files, before, workspace)
    except (Unfitting, Outside) as refused:
        return Result(f"error: {refused}; nothing was changed", ok=False)
    return Result("\n".join(dict.fromkeys(told)))


def _folded(change: Change, files: Files, before: Files, workspace: Workspace) -> str:
    """Put the change into `files` and tell it in words. Raises Unfitting and Outside."""
    old, new = _name(change.old, workspace), _name(change.new, workspace)
    if new is not None and new != old:
        if files.get(new) is not None or (new not in files and workspace.holds(new)):
            raise Unfitting(f"{new} is there already")
        before.setdefault(new, None)
    text: str | None = ""
    if old is not None:
        if old not in files:
            files[old] = workspace.read_bytes(old).decode("utf-8", "surrogateescape")
            before[old] = files[old]
        text, files[old] = files[old], None
    if text is None:
        raise Unfitting(f"{old} is removed by the patch itself")
    made = applied(text, change.hunks)
    if new is None:
        return f"removed {old}"
    files[new] = made
    return f"{'wrote' if old is None else 'edited'} {new}"


def _name(path: str | None, workspace: Workspace) -> str | None:
    """One name for one file. Raises Outside where the rules let nothing be written."""
    return None if path is None else "/".join(workspace.named(path, writes=True))


def _write(files: Files, before: Files, workspace: Workspace) -> None:
    """What was written already is put back when the disk refuses a file. Raises Outside."""
    done: list[str] = []
    try:
        for path, text in sorted(files.items(), key=lambda one: one[1] is None):
            _put(path, text, workspace)
            done.append(path)
    except Outside:
        for path in done:
            _put(path, before[path], workspace)
        raise


def _put(path: str, text: str | None, workspace: Workspace) -> None:
    if text is not None:
        workspace.write_bytes(path, text.encode("utf-8", "surrogateescape"))
    elif workspace.holds(path):
        workspace.remove(path)


APPLY_PATCH = Tool(
    "apply_patch", "Change files by a unified diff.", Risk.WRITES, ApplyPatch, apply_patch
)
