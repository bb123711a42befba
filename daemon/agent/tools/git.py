"""A safe part of git on the workspace: a history of its own, outside of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field

from daemon.agent.tools.commands import cut, steady
from daemon.agent.tools.tool import Arguments, Result, Risk, Tool
from daemon.agent.workspace import Outside, Workspace
from ops.run import Result as Done
from ops.run import run

SECONDS = 60.0
FOLDER = "history.git"
# Nothing that lies in the workspace may make git run something: no hooks, no drivers, no pager.
SAFE = (
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.pager=cat",
    "-c", "core.attributesFile=/dev/null", "-c", "diff.external=", "-c", "gc.auto=0",
    "-c", "commit.gpgSign=false", "-c", "user.name=agent", "-c", "user.email=agent@org",
    "-c", "core.symlinks=true", "-c", "protocol.allow=never",
)  # fmt: skip
PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color")
VERBS = {
    "status": ("status", "--short", "--untracked-files=all"),
    "diff": ("diff", *PLAIN, "HEAD"),
    "log": ("log", "--no-color", "--format=%h %s", "-n", "50"),
    "show": ("show", *PLAIN, "--format=%h %s"),
    "blame": ("blame", "-s"),
}
# The files that those of the verbs tell of that show what is in them.
LISTED = {
    "diff": ("diff", "--name-only", "--no-renames", "-z", "HEAD"),
    "show": ("show", "--name-only", "--no-renames", "-z", "--format="),
}
LITERAL, LEFT_OUT = ":(top,literal)", ":(top,literal,exclude)"
LEFT_OUT_MAX = 500  # files, as each is an argument
NAMED_MAX = 20
_histories: dict[Path, Path] = {}


class Git(Arguments):
    verb: Literal["status", "diff", "log", "show", "blame", "commit"]
    path: str = Field(default="", description="only this file; needed for blame")
    message: str = Field(default="", max_length=500, description="for commit")


def git(arguments: Git, workspace: Workspace) -> Result:
    folder = begin(workspace)
    path = _path(arguments.path, workspace)
    if arguments.verb == "blame" and not path:
        return Result("error: blame needs a path", ok=False)
    if arguments.verb == "commit":
        return _commit(arguments.message, workspace, folder)
    where = [f"{LITERAL}{path}"] if path else []
    listing = LISTED.get(arguments.verb)
    barred = _barred(listing, where, workspace, folder) if listing else []
    # blame takes a path as it is, and no patterns
    what = [path] if arguments.verb == "blame" else where + [f"{LEFT_OUT}{one}" for one in barred]
    code, said = _git((*VERBS[arguments.verb], "--", *what), workspace, folder)
    shown = cut(steady(said, workspace), workspace) or "nothing"
    return Result("\n".join(filter(None, (shown, _told(barred)))), ok=code == 0)


def _path(path: str, workspace: Workspace) -> str:
    """What a file tool may read, or nothing for the whole workspace. Raises Outside."""
    whole = not path or not workspace.parts(path)
    return "" if whole else "/".join(workspace.named(path, writes=False))


def _barred(
    listing: tuple[str, ...], where: list[str], workspace: Workspace, folder: Path
) -> list[str]:
    """The files it would show that the rules let nobody read. Raises Outside."""
    done = _done((*listing, "--", *where), workspace, folder)
    if done.code != 0:
        raise Outside(f"the history cannot be read: {done.last_line}")
    names = [name for name in os.fsdecode(done.stdout).strip("\n").split("\0") if name]
    barred = [name for name in names if not _may_read(name, workspace)]
    if len(barred) > LEFT_OUT_MAX:
        raise Outside(f"the rules refuse {len(barred)} of these files; name a path")
    return barred


def _may_read(name: str, workspace: Workspace) -> bool:
    try:
        workspace.named(name, writes=False)
    except Outside:
        return False
    return True


def _told(barred: list[str]) -> str:
    if not barred:
        return ""
    named, more = ", ".join(barred[:NAMED_MAX]), len(barred) - NAMED_MAX
    told = f"[left out by the rules: {named}{f' and {more} more' if more > 0 else ''}]"
    return os.fsencode(told).decode("utf-8", "replace")


def begin(workspace: Workspace) -> Path:
    """The history's folder; when it is new, with the workspace as it is now."""
    folder = _histories.get(workspace.root)
    if folder is not None and folder.exists():
        return folder
    above = workspace.kept or Path(tempfile.mkdtemp(prefix="history-"))
    folder = _histories[workspace.root] = above / FOLDER
    if not (folder / "HEAD").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _git(("init", "--quiet"), workspace, folder)
        _commit("As it was", workspace, folder)
    return folder


def _commit(message: str, workspace: Workspace, folder: Path) -> Result:
    code, said = _git(("add", "--all", "--", "."), workspace, folder)
    if code == 0:
        wanted = ("commit", "--quiet", "--no-verify", "--allow-empty", "-m", message or "A step")
        code, said = _git(wanted, workspace, folder)
    return Result(steady(said, workspace) or "committed", ok=code == 0)


def _git(arguments: tuple[str, ...], workspace: Workspace, folder: Path) -> tuple[int | None, str]:
    done = _done(arguments, workspace, folder)
    return done.code, (done.stdout + done.stderr).decode("utf-8", "replace").strip()


def _done(arguments: tuple[str, ...], workspace: Workspace, folder: Path) -> Done:
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "GIT_DIR": str(folder),
        "GIT_WORK_TREE": str(workspace.root),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }
    argv = ["git", *SAFE, *arguments]
    return run(argv, seconds=SECONDS, environment=environment, directory=workspace.root)


GIT = Tool("git", "See and keep the history of your changes.", Risk.READS, Git, git)
