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
from daemon.agent.workspace import Workspace
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
_histories: dict[Path, Path] = {}


class Git(Arguments):
    verb: Literal["status", "diff", "log", "show", "blame", "commit"]
    path: str = Field(default="", description="only this file; needed for blame")
    message: str = Field(default="", max_length=500, description="for commit")


def git(arguments: Git, workspace: Workspace) -> Result:
    folder = begin(workspace)
    path = "/".join(workspace.parts(arguments.path)) if arguments.path else ""
    if arguments.verb == "blame" and not path:
        return Result("error: blame needs a path", ok=False)
    if arguments.verb == "commit":
        return _commit(arguments.message, workspace, folder)
    code, said = _git((*VERBS[arguments.verb], "--", *([path] if path else [])), workspace, folder)
    return Result(cut(steady(said, workspace), workspace) or "nothing", ok=code == 0)


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
    done = run(argv, seconds=SECONDS, environment=environment, directory=workspace.root)
    return done.code, (done.stdout + done.stderr).decode("utf-8", "replace").strip()


GIT = Tool("git", "See and keep the history of your changes.", Risk.READS, Git, git)
