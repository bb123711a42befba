"""The paths gate: what a change may touch, and what it may carry."""

from __future__ import annotations

import pytest

from fitness.gates import paths
from tests.fitness.case import MAIN, WORDS, Changes, Repo

BETTER = WORDS.replace("How many", "The number of")
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\n"  # in two pieces: this file is judged as well
LONG_KEY = "sk-" + "a1B2" * 10

GOOD: dict[str, Changes] = {
    "a changed module": {"daemon/core/words.py": BETTER},
    "a new module and its test": {
        "daemon/agent/new.py": "X = 1\n",
        "tests/core/test_new.py": "def test_x() -> None: ...\n",
    },
    "a program that may be run": {"tests/core/run.sh": ("100755", b"#!/bin/sh\n")},
    "a removed file": {"daemon/core/other.py": None},
    "a protected path alone": {"fitness/__init__.py": '"""The judge."""\n'},
    "text that only speaks of keys": {"README.md": "Put the PRIVATE KEY into sk-files.\n"},
}
BAD: dict[str, tuple[Changes, str]] = {
    "the judge with the judged": (
        {"fitness/__init__.py": "X = 1\n", "daemon/agent/words.py": BETTER},
        "fitness/__init__.py is protected",
    ),
    "the judge's settings with the judged": (
        {"pyproject.toml": MAIN["pyproject.toml"] + "\n", "daemon/agent/words.py": BETTER},
        "pyproject.toml is protected",
    ),
    "a link out of the tree": (
        {"daemon/core/link.py": ("120000", b"/etc/passwd")},
        "daemon/core/link.py is no plain file",
    ),
    "a link inside the tree": (
        {"daemon/core/link.py": ("120000", b"words.py")},
        "daemon/core/link.py is no plain file",
    ),
    "a conftest of its own": ({"daemon/conftest.py": "X = 1\n"}, "daemon/conftest.py would be"),
    "a conftest beside the tests": (
        {"tests/journeys/conftest.py": "X = 1\n"},
        "tests/journeys/conftest.py would be loaded unasked",
    ),
    "a changed conftest": (
        {"tests/core/conftest.py": "X = 1\n"},
        "tests/core/conftest.py is loaded unasked",
    ),
    "a pytest.ini": ({"tests/pytest.ini": "[pytest]\n"}, "tests/pytest.ini would be loaded"),
    "a sitecustomize": ({"daemon/sitecustomize.py": ""}, "daemon/sitecustomize.py would be"),
    "a .pth file": ({"daemon/core/x.pth": "import os\n"}, "daemon/core/x.pth would be loaded"),
    "compiled code": ({"daemon/core/words.pyc": b"\0"}, "daemon/core/words.pyc would be loaded"),
    "a machine library": ({"daemon/core/words.so": b"\x7fELF"}, "daemon/core/words.so would be"),
    "an entry point for pytest": (
        {"x.dist-info/entry_points.txt": "[pytest11]\nx = x\n"},
        "x.dist-info/entry_points.txt would be loaded",
    ),
    "a module in place of a library": ({"json.py": "X = 1\n"}, "json.py lies outside"),
    "a package in place of a library": ({"pytest/__init__.py": ""}, "pytest/__init__.py lies"),
    "a private key": ({"daemon/core/key.txt": KEY}, "daemon/core/key.txt holds what looks like"),
    "a model's key": (
        {"daemon/core/words.py": WORDS + f"KEY = '{LONG_KEY}'\n"},
        "daemon/core/words.py holds what looks like",
    ),
    "a file too large": (
        {"daemon/core/big.bin": b"\0" * (paths.BLOB_BYTES_MAX + 1)},
        "daemon/core/big.bin is larger than 4 MiB",
    ),
    "too many files": (
        {f"daemon/core/data/{n}.txt": "x" for n in range(paths.CHANGES_MAX + 1)},
        "2001 files changed",
    ),
    "nothing at all": ({}, "nothing was changed"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_plain_change_passes(repo: Repo, name: str) -> None:
    """The benign twins of what is refused below."""
    verdict = paths.judge(repo.candidate(GOOD[name], goal={"text": "better"}))
    assert verdict.passed, verdict


@pytest.mark.parametrize("name", BAD)
def test_a_change_that_reaches_too_far_is_named(repo: Repo, name: str) -> None:
    """Refused, and the sentence begins with the path that is at fault."""
    changes, sentence = BAD[name]
    verdict = paths.judge(repo.candidate(changes, goal={"text": "better"}))
    assert not verdict.passed
    assert verdict.reason.startswith(sentence), verdict


def test_main_itself_passes(repo: Repo) -> None:
    """`orgctl fitness main` asks about no change, and none is fine then."""
    assert paths.judge(repo.candidate({}, commit=repo.base)).passed


def test_another_repo_is_judged_by_size_links_and_secrets(repo: Repo) -> None:
    """Its layout and its test settings are its own; what serves and judges it is not."""
    own = {"conftest.py": "X = 1\n", "tool.py": "", "ops/x.py": "", "words/y.py": ""}
    assert paths.judge(repo.candidate(own, kind="repo")).passed
    for changes, sentence in (
        ({"org.toml": "[serve]\n"}, "org.toml says how this repo is served and judged"),
        ({"a.pem": KEY}, "a.pem holds what looks like a secret key"),
        ({"a": ("120000", b"README.md")}, "a is no plain file"),
    ):
        verdict = paths.judge(repo.candidate(changes, kind="repo"))
        assert not verdict.passed
        assert verdict.reason.startswith(sentence)


def test_a_key_that_main_holds_already_is_not_the_candidates(repo: Repo) -> None:
    """Only what a change adds can be held against it."""
    assert paths._content(KEY.encode(), KEY.encode() + b"more") is None
    assert paths._content(b"", KEY.encode()) is not None
