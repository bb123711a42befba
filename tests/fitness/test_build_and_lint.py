"""The build gate and the lint gate, in cells, with main's settings."""

from __future__ import annotations

import pytest

from fitness.gates import build, lint
from tests.fitness.case import MAIN, WORDS, Changes, Repo

MODULE = "daemon/core/words.py"
NEW = "daemon/core/new.py"
UNUSED = WORDS.replace("\n", "\n\nimport os\n", 1)
BROKEN: dict[str, tuple[Changes, str]] = {
    "a syntax error": ({MODULE: "def f(:\n"}, f"{MODULE} does not compile: "),
    "a syntax error in a test": (
        {"tests/core/test_new.py": "def f(:\n"},
        "tests/core/test_new.py does not compile: ",
    ),
    "a NUL byte": ({MODULE: b"x = 1\0\n"}, f"{MODULE} does not compile: "),
    "depth beyond the compiler": ({NEW: "x = " + "-" * 200_000 + "1\n"}, ""),
    "a missing library": (
        {NEW: "import nothing_of_that_name\n"},
        "daemon.core.new cannot be imported: ModuleNotFoundError",
    ),
    "an exception at import": (
        {MODULE: "raise ValueError('no')\n"},
        "daemon.core.words cannot be imported: ValueError: no",
    ),
    "success before it is done": (
        {MODULE: "import os\nos._exit(0)\n"},
        "daemon.core.words cannot be imported: it ended with 0 before it was done",
    ),
    "an import that needs the network": (
        {NEW: "import socket\nsocket.create_connection(('1.1.1.1', 53), 2)\n"},
        "daemon.core.new cannot be imported: OSError: [Errno 101] Network is unreachable",
    ),
    "a failure at the very end": (
        {NEW: "import atexit, os\natexit.register(os._exit, 5)\n"},
        "the build did not end well: it ended with 5",
    ),
}


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("daemon/core/words.py", "daemon.core.words"),
        ("daemon/core/__init__.py", "daemon.core"),
        ("tests/core/test_words.py", None),
        ("daemon/core/words.txt", None),
        ("setup.py", None),
    ],
)
def test_a_path_names_its_module(path: str, module: str | None) -> None:
    """Only what lies in the program's packages is a module of it."""
    assert build.module_of(path) == module


@pytest.mark.parametrize(
    "changes",
    [
        {MODULE: WORDS + "X = 1\n", NEW: "from daemon.core.words import X\n\nprint(X)\n"},
        {"README.md": "# more words\n"},
        {"tests/core/test_new.py": "def test_x() -> None: ...\n"},
        {"daemon/core/other.py": None},
    ],
)
def test_what_compiles_and_imports_is_built(repo: Repo, changes: Changes) -> None:
    """Also a module that prints, and a change without any module."""
    verdict = build.judge(repo.release(changes))
    assert verdict.passed, verdict


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_compile_or_import_is_named(repo: Repo, name: str) -> None:
    """The sentence begins with the module, and ends with Python's own words."""
    changes, sentence = BROKEN[name]
    verdict = build.judge(repo.release(changes))
    assert not verdict.passed
    assert verdict.reason.startswith(sentence), verdict


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({MODULE: WORDS + "X = 1\n"}, None),
        ({"README.md": "# more words\n"}, None),
        ({MODULE: UNUSED}, "daemon/core/words.py:3:8: F401"),
        # Only main's settings count, wherever the candidate puts its own.
        (
            {MODULE: UNUSED, "daemon/ruff.toml": "[lint]\nselect = []\n"},
            "daemon/core/words.py:3:8: F401",
        ),
        (
            {
                MODULE: UNUSED,
                "pyproject.toml": MAIN["pyproject.toml"].replace('"F", ', ""),
            },
            "daemon/core/words.py:3:8: F401",
        ),
        # A name that looks like a flag is a name.
        ({"--exit-zero.py": "import os\n"}, "--exit-zero.py:1:8: F401"),
    ],
)
def test_changed_files_satisfy_mains_linter(
    repo: Repo, changes: Changes, sentence: str | None
) -> None:
    """Findings are told as file, line and rule."""
    verdict = lint.judge(repo.release(changes))
    assert verdict.passed == (sentence is None), verdict
    assert verdict.reason.startswith(sentence or ""), verdict


def test_a_linter_that_cannot_run_accepts_nobody(repo: Repo) -> None:
    """No findings are no proof when it never looked."""
    subject = repo.release({MODULE: WORDS + "X = 1\n"}, python="/usr/bin/python3")
    verdict = lint.judge(subject)
    assert not verdict.passed
    assert verdict.reason.startswith("the linter did not finish: ")
