"""Patches, sessions, tables, history, lists: each does its one thing and says plainly when not."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.agent.patches import Unfitting, applied, read_patch
from daemon.agent.tools import TOOLS, allowed
from daemon.agent.tools.commands import seconds_for
from daemon.agent.tools.pyexe import end
from daemon.agent.tools.tool import Result
from daemon.agent.workspace import Outside, Workspace

BY_NAME = {tool.name: tool for tool in TOOLS}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "work").mkdir()
    (tmp_path / "kept").mkdir()
    (tmp_path / "work/a.py").write_text("one\ntwo\nthree\nfour\nfive\n")
    return Workspace(tmp_path / "work", kept=tmp_path / "kept")


def use(workspace: Workspace, name: str, **arguments: Any) -> Result:
    return BY_NAME[name].call(arguments, workspace)


# Patches

EDIT = """--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@
 one
-two
+2
 three
@@ -5 +5,2 @@
 five
+six
"""


def test_a_patch_changes_makes_and_removes_files(workspace: Workspace) -> None:
    """Whatever stands around it; counts that are wrong do not matter."""
    text = f"Here it is:\n```diff\n{EDIT}--- /dev/null\n+++ b/new/b.txt\n@@ -0,0 +1 @@\n+hello\n"
    assert use(workspace, "apply_patch", patch=text).text == "edited a.py\nwrote new/b.txt"
    assert workspace.read("a.py") == "one\n2\nthree\nfour\nfive\nsix\n"
    assert workspace.read("new/b.txt") == "hello\n"
    gone = "--- a/new/b.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-hello\n"
    assert use(workspace, "apply_patch", patch=gone).text == "removed new/b.txt"
    assert "new/b.txt" not in list(workspace.files())


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        (EDIT.replace("-two", "-TWO"), "does not fit"),
        ("no patch", "holds no"),
        (EDIT.replace("a.py", "none.py"), "No such file"),
        (EDIT + "--- a/x\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n", ""),
    ],
)
def test_a_patch_that_does_not_fit_changes_nothing(
    workspace: Workspace, patch: str, said: str
) -> None:
    result = use(workspace, "apply_patch", patch=patch)
    assert (result.ok, said in result.text) == (False, True)
    assert workspace.read("a.py") == "one\ntwo\nthree\nfour\nfive\n"


LINES = st.lists(st.sampled_from(["a", "b", "c", "\f", "d\re"]), max_size=12)


@settings(max_examples=60)
@given(LINES, LINES, st.sampled_from(["\n", "\r\n"]))
@example([], ["a"], "\r\n")  # the end of the patch's last line begins no line of its own
def test_what_diff_writes_is_applied(before: list[str], after: list[str], end: str) -> None:
    """The standard library's own diff of any two texts makes the second of the first."""
    import difflib

    old, new = [f"{one}{end}" for one in before], [f"{one}{end}" for one in after]
    text = "".join(difflib.unified_diff(old, new, "a/f", "b/f"))
    if not text:
        return
    (change,) = read_patch(text)
    assert applied("".join(old), change.hunks) == "".join(new)


def test_hunks_are_found_where_they_moved_to() -> None:
    """Nearest to where they say; not before the hunk that came first."""
    (change,) = read_patch("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-x\n+y\n")
    assert applied("a\nb\nx\n", change.hunks) == "a\nb\ny\n"
    with pytest.raises(Unfitting):
        applied("a\n", change.hunks)


def _edit(path: str, old: str, new: str, near: int = 1) -> str:
    return f"--- a/{path}\n+++ b/{path}\n@@ -{near} +{near} @@\n-{old}\n+{new}\n"


def _make(path: str) -> str:
    return f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+new\n"


def test_two_sections_for_one_file_add_up(workspace: Workspace) -> None:
    """By whatever name it goes."""
    patch = _edit("a.py", "one", "1") + _edit("./a.py", "five", "5", 5)
    assert use(workspace, "apply_patch", patch=patch).text == "edited a.py"
    assert workspace.read("a.py") == "1\ntwo\nthree\nfour\n5\n"


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        (b"a\r\nb\r\nc\r\n", _edit("f", "b", "B"), b"a\r\nB\r\nc\r\n"),
        (b"a\r\nb\nc\n", _edit("f", "b", "B"), b"a\r\nB\nc\n"),
        (b"a\nb\n", _edit("f", "b", "B").replace("\n", "\r\n"), b"a\nB\n"),
        (b"a\r\nb", _edit("f", "b", "b\n+c"), b"a\r\nb\r\nc"),
        (b"a\nb", "--- a/f\n+++ b/f\n@@ -2 +2,2 @@\n b\n+c\n", b"a\nb\nc"),
        ("\f\na\u2028b\x85c\rd\nx\n".encode(), _edit("f", "x", "y", 3), None),
        (b"caf\xe9\none\n", _edit("f", "one", "two", 2), b"caf\xe9\ntwo\n"),
    ],
)
def test_a_patch_leaves_the_rest_as_it_is(
    workspace: Workspace, before: bytes, patch: str, after: bytes | None
) -> None:
    """Line ends, signs that only look like them, and what is no UTF-8."""
    (workspace.root / "f").write_bytes(before)
    assert use(workspace, "apply_patch", patch=patch).ok
    assert (workspace.root / "f").read_bytes() == (after or before.replace(b"x", b"y"))


def test_an_edit_leaves_what_is_no_utf8(workspace: Workspace) -> None:
    """Byte for byte; half a sign from a model is written as a question mark."""
    (workspace.root / "f").write_bytes(b"caf\xe9 one\r\n")
    assert use(workspace, "edit_file", path="f", old="one", new="two \ud83d").ok
    assert (workspace.root / "f").read_bytes() == b"caf\xe9 two ?\r\n"
    assert use(workspace, "read_file", path="f").text == "caf\ufffd two ?"
    assert use(workspace, "write_file", path="f", content="\udce9").ok
    assert (workspace.root / "f").read_bytes() == b"?"


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        (_make(".env"), "is refused by the rule secrets"),
        ("--- a/a.py\n+++ b/.git/x\n@@ -3 +3 @@\n-three\n+3\n", "git folder"),
        (_make("taken"), "taken is there already"),
        (_make("new") + _make("new"), "new is there already"),
        ("--- a/a.py\n+++ b/taken\n@@ -3 +3 @@\n-three\n+3\n", "taken is there already"),
        ("--- a/a.py\n+++ /dev/null\n" + _edit("a.py", "two", "2"), "is removed by the patch"),
        ("--- a/a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-uno\n", "does not fit"),
        ("--- a/a.py\n+++ b/\n@@ -3 +3 @@\n-three\n+3\n", "name a file"),
        (_make("taken/x"), "Not a directory"),
    ],
)
def test_a_patch_is_taken_whole_or_not_at_all(workspace: Workspace, patch: str, said: str) -> None:
    """A file that rules, other files or the disk refuse leaves the others as they were."""
    (workspace.root / "taken").write_text("work\n")
    result = use(workspace, "apply_patch", patch=_edit("a.py", "one", "1") + patch)
    assert (result.ok, said in result.text) == (False, True), result.text
    assert workspace.read("a.py") == "one\ntwo\nthree\nfour\nfive\n"
    assert workspace.read("taken") == "work\n"
    assert list(workspace.files()) == ["a.py", "taken"]


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


# The workspace


def test_a_write_is_whole_keeps_modes_and_leaves_what_is_linked(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The old content of a file that is linked to elsewhere stays there."""
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    os.link(outside, workspace.root / "linked")
    workspace.write("linked", "ours")
    assert (outside.read_text(), workspace.read("linked")) == ("theirs", "ours")
    (workspace.root / "a.py").chmod(0o755)
    workspace.write("a.py", "x\n")
    assert (workspace.root / "a.py").stat().st_mode & 0o777 == 0o755
    before = sorted(workspace.root.iterdir())
    (workspace.root / "folder").mkdir()
    with pytest.raises(Outside, match="no plain file"):
        workspace.write("folder", "x")
    (workspace.root / "folder").rmdir()
    assert sorted(workspace.root.iterdir()) == before


def test_walking_follows_no_link(workspace: Workspace, tmp_path: Path) -> None:
    """Links to folders and files are not listed; a folder reached by one is not entered."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/f").write_text("x")
    (workspace.root / "way").symlink_to(tmp_path / "secret")
    (workspace.root / "file").symlink_to(tmp_path / "secret/f")
    assert list(workspace.files()) == ["a.py"]
    assert list(workspace.files("way")) == []
    began = time.monotonic()
    os.mkfifo(workspace.root / "pipe")
    assert list(workspace.files()) == ["a.py"]
    assert time.monotonic() - began < 5
