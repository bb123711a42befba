"""Make an instance: the evolved repo's main adopted, its first release built and tagged."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from daemon.core import release as releases
from daemon.state.journal import Journal
from daemon.state.programs import Code, Programs
from daemon.state.settings import load
from daemon.supervisor import signing
from daemon.supervisor.runnable import LOCK, base_python, check_disk
from daemon.supervisor.world import REPO_SETTINGS, Instance, World
from ops import venv, worktree
from ops.errors import Refused, Trouble
from ops.files import remove_tree, write_atomic
from ops.history import History
from ops.layout import Layout
from ops.lease import hold
from ops.loaded import ROOT
from ops.records import RefChange
from ops.signing import Signer

FIRST_TAG = "release/0"
TEMPLATE = """\
# Settings of this org instance; `orgctl status` shows what runs. See README.md for all of them.

[model]
# base = "http://127.0.0.1:11434"   # an OpenAI-compatible endpoint: Ollama, llama.cpp, LM Studio
# name = "qwen3:8b"                 # empty: the first one that the endpoint offers

[probation]
# seconds = 300.0                   # how long a new release is watched before it is settled
"""


def make_home(layout: Layout) -> None:
    """Raises Refused when the home cannot be written."""
    try:
        layout.home.mkdir(parents=True, exist_ok=True)
        for room in layout.rooms():
            room.mkdir(mode=0o700, exist_ok=True)
        probe = layout.state / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise Refused(
            f"{layout.home} cannot be written: {error.strerror}",
            "name another home with --home or ORG_HOME",
        ) from error


def adopt(layout: Layout, source: Path, signer: Signer | None) -> tuple[History, str]:
    """The bare repo with `source`'s HEAD as main and `release/0`."""
    history = History.create(layout.repo)
    history.signer = signer
    commit = history.adopt(source)
    when = history.when(commit)
    text = releases.message("Adopt the first release", "", {releases.VERDICT: "none"})
    tag = history.tag(FIRST_TAG, commit, text, when)
    history.move([RefChange(f"refs/tags/{FIRST_TAG}", tag, None)])
    return history, commit


def kind_of(history: History, commit: str) -> str:
    """`org` when the adopted repo is org itself: it has the boot module and the supervisor."""
    own = ("ops/boot.py", "daemon/supervisor/keeper.py", LOCK)
    return "org" if all(history.read(commit, path) is not None for path in own) else "repo"


def check_repo(world: World, commit: str) -> None:
    """Another repo must say how it is served, before anything is promised."""
    if world.history.read(commit, REPO_SETTINGS) is None:
        raise Refused(
            f"the repo has no {REPO_SETTINGS} at its root, so org cannot serve it",
            "add one with [serve] command = [...]; README.md shows an example",
        )
    if not world.repo_settings(commit).serve.command:
        raise Refused(
            f"{REPO_SETTINGS} has no [serve] command",
            "name the command that serves; it gets the listening socket as descriptor 3",
        )


def born(home: Path, source: Path, program: Path) -> dict[str, object]:
    layout = Layout(home)
    make_home(layout)
    with hold(layout.daemon_lease, "making the instance"):
        if layout.instance.exists():
            raise Refused(f"{home} already holds an instance", "start it with: orgctl up")
        settings = load(home)
        signer = signing.signer(settings.signing)
        remove_tree(layout.repo)  # of a birth that did not come to its end
        history, commit = adopt(layout, source, signer)
        kind = kind_of(history, commit)
        lock = history.read(commit, LOCK) if kind == "org" else None
        instance = Instance(
            kind="org" if kind == "org" else "repo",
            program=None if lock else program,
            python=None if lock else Path(sys.executable),
        )
        world = World(layout, settings, instance, history, Journal(layout.journal))
        signing.begin(world, settings.signing)
        check_disk(world)
        if lock is None:
            check_repo(world, commit)
        root = worktree.export(history, commit, layout.releases / commit)
        python = venv.ensure(layout.venvs, lock, base_python()) if lock else Path(sys.executable)
        program = root if lock else program
        Programs(layout).begin(Code(root=program, python=python))
        if not layout.settings.exists():
            write_atomic(layout.settings, TEMPLATE.encode())
        record = instance.model_dump(mode="json") | {"born": int(time.time())}
        write_atomic(layout.instance, json.dumps(record, indent=1).encode())  # last: now it exists
    return {"home": str(home), "kind": kind, "main": commit, "tag": FIRST_TAG}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="daemon.supervisor.birth")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--repo", type=Path, required=True)
    parser.add_argument("--program", type=Path, default=ROOT)
    flags = parser.parse_args(argv)
    try:
        print(json.dumps(born(flags.home, flags.repo, flags.program)))
    except Trouble as trouble:
        print(json.dumps(trouble.as_json()))
        return int(trouble.code)
    return 0
