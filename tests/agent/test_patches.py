"""A patch is taken whole where it fits, leaves the rest as it is, and else changes nothing."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.agent.patches import Unfitting, applied, read_patch
from daemon.agent.workspace import Workspace
from tests.agent.tool_case import kept, use


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return kept(tmp_path)


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
