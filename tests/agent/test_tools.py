"""The tools do their one thing inside the workspace, and say plainly when they could not."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.agent.tools import TOOLS
from daemon.agent.workspace import Outside, Workspace
from tests.agent.tool_case import BY_NAME, use


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "work"
    (root / "src").mkdir(parents=True)
    (root / "src/a.py").write_text("one\ntwo\nthree\n")
    (root / "README").write_text("hello\n")
    return Workspace(root)


def test_every_tool_has_a_schema_a_model_can_use() -> None:
    """A name, a purpose, described and closed arguments."""
    for tool in TOOLS:
        function = tool.schema()["function"]
        assert function["name"] == tool.name
        assert function["description"].endswith(".")
        assert function["parameters"]["additionalProperties"] is False
        assert "title" not in str(function["parameters"])


def test_files_are_listed_read_written_edited_and_searched(workspace: Workspace) -> None:
    assert use(workspace, "list_files").text == "README\nsrc/a.py"
    assert use(workspace, "read_file", path="src/a.py").text == "one\ntwo\nthree"
    part = use(workspace, "read_file", path="src/a.py", first_line=2, line_count=1)
    assert part.text == "two\n[1 more lines]"
    assert use(workspace, "write_file", path="new/b.txt", content="x\n").ok
    assert (workspace.root / "new/b.txt").read_text() == "x\n"
    assert use(workspace, "edit_file", path="src/a.py", old="two", new="2").ok
    assert (workspace.root / "src/a.py").read_text() == "one\n2\nthree\n"
    assert use(workspace, "search", text="hell").text == "README:1: hello"


def test_an_edit_must_be_exact_and_single(workspace: Workspace) -> None:
    """Nothing is changed when the old text is missing or stands twice."""
    for old, said in (("four", "does not stand"), ("e\n", "stands 2 times")):
        result = use(workspace, "edit_file", path="src/a.py", old=old, new="x")
        assert (result.ok, said in result.text) == (False, True)
    assert (workspace.root / "src/a.py").read_text() == "one\ntwo\nthree\n"


def test_an_edit_leaves_what_is_no_utf8(workspace: Workspace) -> None:
    """Byte for byte; half a sign from a model is written as a question mark."""
    (workspace.root / "f").write_bytes(b"caf\xe9 one\r\n")
    assert use(workspace, "edit_file", path="f", old="one", new="two \ud83d").ok
    assert (workspace.root / "f").read_bytes() == b"caf\xe9 two ?\r\n"
    assert use(workspace, "read_file", path="f").text == "caf\ufffd two ?"
    assert use(workspace, "write_file", path="f", content="\udce9").ok
    assert (workspace.root / "f").read_bytes() == b"?"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read_file", {}),
        ("read_file", {"path": 3}),
        ("read_file", {"path": "a", "pathh": "b"}),
        ("read_file", {"path": "a", "first_line": 0}),
        ("sh", {"command": "true", "timeout_s": 10**9}),
        ("done", {"summary": ""}),
    ],
)
def test_bad_arguments_go_back_to_the_model(
    workspace: Workspace, name: str, arguments: dict[str, Any]
) -> None:
    """As one sentence that names the argument."""
    result = BY_NAME[name].call(arguments, workspace)
    assert (result.ok, result.text.startswith("error: ")) == (False, True)


@pytest.mark.parametrize(
    "path",
    ["OUTSIDE/secret", "../x", "src/../../x", ".git/config", "link", "folder/secret", "fifo", "."],
)
def test_nothing_outside_is_read_or_written(
    workspace: Workspace, path: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """By path tricks, links, or things that are no files."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("canary")
    (workspace.root / "link").symlink_to(outside / "secret")
    (workspace.root / "folder").symlink_to(outside)
    os.mkfifo(workspace.root / "fifo")
    path = path.replace("OUTSIDE", str(outside))
    assert not use(workspace, "read_file", path=path).ok
    assert not use(workspace, "write_file", path=path, content="x").ok
    assert (outside / "secret").read_text() == "canary"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["work"]


def test_a_link_swapped_in_meanwhile_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    """A thread that flips a folder to a link never makes us read what lies behind it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_text("canary")
    inside = workspace.root / "flip"
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            inside.mkdir(exist_ok=True)
            (inside / "f").write_text("fine")
            (inside / "f").unlink()
            inside.rmdir()
            inside.symlink_to(outside)
            inside.unlink()

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        for _ in range(2000):
            try:
                assert workspace.read("flip/f") != "canary"
            except Outside:
                continue
    finally:
        stop.set()
        thread.join()


STEPS = st.sampled_from(
    ["src", "a.py", "new", "secret", "link", "folder", "up", "self", "in", "..", ".", "", "~", "\0"]
)
PATHS = st.builds(
    lambda start, steps: start + "/".join(steps),
    st.sampled_from(["", "./", "/", "ROOT/", "OUTSIDE/"]),
    st.lists(STEPS, min_size=1, max_size=4),
)


@pytest.fixture
def outside(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a secret, to which links of every kind lead."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret").write_text("canary")
    for at, target in (
        ("link", outside / "secret"),
        ("new", outside / "made-through-a-link"),
        ("folder", outside),
        ("src/up", Path("../..")),
        ("self", Path("self")),
        ("in", Path("src")),
    ):
        (workspace.root / at).symlink_to(target)
    return outside


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(path=PATHS)
def test_no_path_leads_outside(workspace: Workspace, outside: Path, path: str) -> None:
    """Whatever it is made of, and whatever links it meets: nothing there is read or changed."""
    root = workspace.root
    named = path.replace("ROOT", str(root)).replace("OUTSIDE", str(outside))
    links = sorted(one for one in root.rglob("*") if one.is_symlink())
    with suppress(Outside):
        assert workspace.read(named) != "canary"
    with suppress(Outside):
        found = [(root / one).resolve() for one in workspace.files(named)]
        assert all(one.is_relative_to(root) for one in found)
    with suppress(Outside):
        workspace.write(named, "ours")
        assert workspace.read(named) == "ours"
    with suppress(Outside):
        workspace.remove(named)
    assert {one.name: one.read_text() for one in outside.iterdir()} == {"secret": "canary"}
    assert [one.name for one in root.parent.iterdir()] == ["work"]
    assert sorted(one for one in root.rglob("*") if one.is_symlink()) == links


@pytest.mark.process
def test_a_command_gets_no_input_and_ends_on_time(workspace: Workspace) -> None:
    """One that waits for a person, and one whose grandchild holds the pipe."""
    assert use(workspace, "sh", command="cat; echo over").text == "over\n[exit 0]"
    began = time.monotonic()
    late = use(workspace, "sh", command="sleep 60 & wait", timeout_s=1)
    assert late.text.endswith("[stopped at its limit of 1 seconds]")
    ended = use(workspace, "sh", command="echo over; kill -9 $$")
    assert (ended.ok, ended.text) == (False, "over\n[ended by signal 9: Killed]")
    assert not late.ok
    held = use(workspace, "sh", command="(sleep 60 &) ; echo over", timeout_s=30)
    assert held.text == "over\n[exit 0]"
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("python_run", {"code": f"x = '{'a' * 2**17}'"}),
        ("sh", {"command": f"echo '{'a' * 2**17}'"}),
        ("sh", {"command": "echo \0"}),
    ],
)
def test_what_the_kernel_would_not_take_is_refused_in_words(
    workspace: Workspace, tool: str, arguments: dict[str, Any]
) -> None:
    result = use(workspace, tool, **arguments)
    assert (result.ok, "write it into a file, and run that" in result.text) == (False, True)


def test_long_output_is_cut_in_the_middle(workspace: Workspace) -> None:
    """Its beginning and its end are kept, and how much was left out is said."""
    text = use(workspace, "python_run", code="print('a' * 20000 + 'END')").text
    assert text.startswith("aaa")
    assert "characters left out" in text
    assert "END" in text


@pytest.mark.parametrize("path", ["--co", "--version", "@src/a.py", "none.py::test_x", "link"])
def test_only_files_of_the_workspace_are_tests(workspace: Workspace, path: str) -> None:
    """An option instead of one would end well, and prove what was never run."""
    (workspace.root / "test_x.py").write_text("def test_bad(): assert 0\n")
    (workspace.root / "link").symlink_to("/")
    result = use(workspace, "run_tests", paths=["test_x.py", path])
    assert (result.ok, "passed" in result.text) == (False, False)
    assert result.text == f"error: {path} is no file or folder of the workspace"


@pytest.mark.process
def test_what_a_model_sees_of_tests_is_the_same_each_time(workspace: Workspace) -> None:
    """No durations, no addresses, no temporary paths: recordings depend on it."""
    (workspace.root / "test_x.py").write_text(
        "def test_good(tmp_path): pass\n"
        "def test_bad(tmp_path):\n    assert object() == tmp_path, 'no'\n"
    )
    said = {use(workspace, "run_tests", paths=["test_x.py"]).text for _ in range(2)}
    assert len(said) == 1
    assert "1 failed, 1 passed\n[the tests failed]" in said.pop()
