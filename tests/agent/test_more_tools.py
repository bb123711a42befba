"""Sessions, tables, history, lists: each does its one thing and says plainly when not."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.agent.rules import shipped
from daemon.agent.tools import TOOLS, allowed
from daemon.agent.tools.commands import seconds_for
from daemon.agent.tools.pyexe import end
from daemon.agent.workspace import Workspace
from tests.agent.tool_case import kept, use

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return kept(tmp_path)


# A session of Python


@pytest.mark.process
def test_a_session_remembers_and_is_ended_with_its_children(workspace: Workspace) -> None:
    """Values, errors with their line, time limits, a fresh start."""
    try:
        assert use(workspace, "pyexe", code="x = 20").text == "(no output)"
        assert use(workspace, "pyexe", code="print('hi')\nx * 2 + 2").text == "hi\n42"
        broken = use(workspace, "pyexe", code="y = 1\n1 / 0")
        assert (broken.ok, "line 2" in broken.text) == (False, True)
        assert "ZeroDivisionError" in broken.text
        assert not use(workspace, "pyexe", code="def (").ok
        assert use(workspace, "pyexe", code="y").text == "1"
        assert "exit(3)" in use(workspace, "pyexe", code="import sys; sys.exit(3)").text
        late = use(workspace, "pyexe", code="while True: pass", timeout_s=1)
        assert (late.ok, "is gone" in late.text) == (False, True)
        assert "NameError" in use(workspace, "pyexe", code="x").text
        assert use(workspace, "pyexe", code="print('a' * 10**8)").text.count("a") >= 8000
        use(workspace, "pyexe", code="x = 1")
        assert not use(workspace, "pyexe", code="x", fresh=True).ok
    finally:
        end(workspace)


# Tables


def test_a_table_is_shown_and_summed_up(workspace: Workspace) -> None:
    (workspace.root / "t.csv").write_text(
        'city,degrees,note\nOslo,4,"rain, wind"\nRome,21,\nParis,14,"a\nb"\n'
    )
    rows = use(workspace, "data_view", path="t.csv", columns=["city", "note"], row_count=2).text
    assert rows == "city | note\nOslo | rain, wind\nRome | \n[rows 1 to 2; more rows follow]"
    found = use(workspace, "data_view", path="t.csv", column="city", contains="ar").text
    assert "Paris | 14 | a b\n[rows 1 to 1; no more rows]" in found
    summary = use(workspace, "data_view", path="t.csv", summary=True).text
    assert "3 rows\n" in summary
    assert "degrees: 3 numbers, 4 to 21, mean 13 ±" in summary
    assert (
        "there are: city, degrees, note"
        in use(workspace, "data_view", path="t.csv", columns=["x"]).text
    )
    assert not use(workspace, "data_view", path="../t.csv").ok


@pytest.mark.process
def test_a_large_table_takes_no_more_memory(workspace: Workspace) -> None:
    """A hundred megabytes, in a process that may not take sixty more."""
    path = workspace.root / "big.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["a", "b"])
        line = b"1," + b"x" * 98 + b"\n"
        out.flush()
        os.write(out.fileno(), line * 1_000_000)
    program = f"""
import resource, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from daemon.agent.tools.data_view import DATA_VIEW
from daemon.agent.workspace import Workspace
workspace = Workspace(Path({str(workspace.root)!r}))
def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
DATA_VIEW.call({{"path": "a.py"}}, workspace)
before = most()
told = DATA_VIEW.call({{"path": "big.csv", "summary": True}}, workspace)
assert "1000000 rows" in told.text, told
print(most() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 20_000  # kB


# History


@pytest.mark.process
def test_the_history_is_outside_and_nothing_inside_makes_it_run_something(
    workspace: Workspace, tmp_path: Path
) -> None:
    """What was there is its first commit; hooks and drivers of the workspace mean nothing."""
    planted = workspace.root / ".git/hooks"
    planted.mkdir(parents=True)
    for hook in ("pre-commit", "post-commit", "post-index-change"):
        (planted / hook).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (planted / hook).chmod(0o755)
    touch = f"touch {tmp_path}/ran"
    (workspace.root / ".git/config").write_text(
        f'[diff "x"]\n\ttextconv = {touch};cat\n[core]\n\tfsmonitor = {touch}\n'
    )
    (workspace.root / ".gitattributes").write_text("*.py diff=x filter=x\n")
    assert use(workspace, "git", verb="status").text == "nothing"
    workspace.write("a.py", "one\n")
    assert "M a.py" in use(workspace, "git", verb="status").text
    assert "-two" in use(workspace, "git", verb="diff", path="a.py").text
    assert use(workspace, "git", verb="commit", message="Shorter").ok
    assert "Shorter" in use(workspace, "git", verb="log").text
    assert use(workspace, "git", verb="diff").text == "nothing"
    assert use(workspace, "git", verb="blame", path="a.py").ok
    assert not use(workspace, "git", verb="diff", path="../x").ok
    assert not use(workspace, "git", verb="reset").ok
    assert not (tmp_path / "ran").exists()


@pytest.mark.process
def test_the_history_shows_no_file_that_the_rules_refuse(workspace: Workspace) -> None:
    """Neither by its path, nor by a pattern or a folder that holds it, nor among all files."""
    own = '[[files]]\nname = "own"\nwhy = "mine"\npaths = ["diary/*"]\n'
    workspace = replace(workspace, rules=shipped().with_more(own, "rules.toml"))
    names = (".env", "sub/.env", "diary/may.md", "sub/od[d] :(x).key", "sub/fine.txt")
    for name in names:
        (workspace.root / name).parent.mkdir(exist_ok=True)
        (workspace.root / name).write_text("PASSWORD=old\n")
    assert use(workspace, "git", verb="status").text == "nothing"
    for verb in ("show", "diff"):
        for path in ("", ".", "sub"):
            said = use(workspace, "git", verb=verb, path=path).text
            assert said.count("PASSWORD=old") == 1, said  # of sub/fine.txt
            assert "left out by the rules: " in said
            assert "sub/.env" in said
        for path in (".env", "diary/may.md", "*.env", "sub/.*", ":(glob)**/.env", ":/.env"):
            assert "PASSWORD" not in use(workspace, "git", verb=verb, path=path).text, path
        for name in names:
            (workspace.root / name).write_text("PASSWORD=new\n")
    for path in (".env", "diary/may.md", "./sub/.env"):
        for verb in ("blame", "log", "status"):
            answer = use(workspace, "git", verb=verb, path=path)
            assert (answer.ok, "refused by the rule" in answer.text) == (False, True)
    assert use(workspace, "git", verb="commit", message="New").ok
    (workspace.root / ".env").rename(workspace.root / "plain.txt")
    assert use(workspace, "git", verb="commit", message="Named otherwise").ok
    assert "-PASSWORD" not in use(workspace, "git", verb="show").text


# Lists, questions, outputs, secrets


def test_the_list_of_things_to_do_is_kept(workspace: Workspace) -> None:
    todos = [{"text": "look", "state": "done"}, {"text": "change"}]
    assert use(workspace, "todowrite", todos=todos).text == "kept 2 entries, 1 not done"
    assert use(workspace, "todoread").text == "[x] look\n[ ] change"
    assert workspace.kept is not None
    assert json.loads((workspace.kept / "todo.json").read_text())[1]["state"] == "open"


def test_a_question_waits_for_nobody(workspace: Workspace) -> None:
    assert "Do not wait" in use(workspace, "question", question="Tabs or spaces?").text


def test_long_output_is_kept_whole(workspace: Workspace) -> None:
    """What was cut out of its middle can be read in the evidence."""
    said = use(workspace, "python_run", code="print('a' * 9000 + 'MIDDLE' + 'b' * 9000)").text
    assert "MIDDLE" not in said
    assert "all of it is kept as output-1.txt" in said
    assert workspace.kept is not None
    assert "MIDDLE" in (workspace.kept / "outputs/output-1.txt").read_text()


def test_what_fetches_and_builds_gets_more_time() -> None:
    assert seconds_for(["cd", "pip"], None) == 300
    assert seconds_for(["ls"], None) == 30
    assert seconds_for(["pip"], 7) == 7


def test_a_namespace_is_the_offer_and_the_call() -> None:
    """Tools outside of it are not there; the way to the end always is."""
    names = {tool.name for tool in allowed({"read_file", "search"})}
    assert names == {"read_file", "search", "done"}
    assert {tool.name for tool in allowed(["*_file"])} >= {"read_file", "write_file", "done"}
    assert "webfetch" not in {tool.name for tool in allowed(None, web=False)}
    assert len(allowed(None)) == len(TOOLS)
