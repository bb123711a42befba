"""Hidden pytest files decide: all of their tests must have run, and passed."""

from __future__ import annotations

import pytest

from fitness.gates import goal
from fitness.hidden_tests import expected
from tests.fitness.case import EMPTIES, FORGES, WORDS, Changes, Repo

MODULE = "daemon/core/words.py"
TESTS = """import pytest

from daemon.core.words import count


@pytest.mark.parametrize("text", ["a", "b"])
def test_one(text):
    assert count(text) == 1


class TestMore:
    def test_two(self):
        assert count("a b") == 2
"""

# Asks, where it has no answer, that the test be passed over.
ASKS = WORDS.replace(
    "    return",
    """    import unittest, pytest

    if " " in text:
        raise ASKED("later")
    return""",
)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (WORDS + "\n# better\n", "3 hidden tests pass"),
        (WORDS.replace("len(text.split())", "1"), "test_h.py::TestMore::test_two failed"),
        ("import os\n\nos._exit(0)\n", "never reported: the run ended early"),
        ("raise SystemExit(0)\n", "never reported: the run ended early"),
        (ASKS.replace("ASKED", "pytest.skip"), "test_h.py::TestMore::test_two skipped"),
        (ASKS.replace("ASKED", "pytest.xfail"), "test_h.py::TestMore::test_two skipped"),
        (ASKS.replace("ASKED", "unittest.SkipTest"), "test_h.py::TestMore::test_two skipped"),
        (FORGES, "the run's own controls did not fail"),
        (EMPTIES, "the run's own controls did not fail"),
    ],
    ids=[
        "good",
        "wrong",
        "leaves early",
        "exits",
        "skips",
        "expects failure",
        "raises a skip",
        "forges",
        "empties",
    ],
)
def test_each_hidden_test_must_report_a_pass(repo: Repo, module: str, reason: str) -> None:
    """Code that ends the run with exit 0 has passed nothing."""
    changes: Changes = {MODULE: module}
    acceptance = {"tests": True, "files": {"test_h.py": TESTS, "helper.py": "X = 1\n"}}
    subject = repo.release(changes, goal={"text": "count", "acceptance": acceptance})
    verdict = goal.judge(subject)
    assert reason in verdict.reason
    assert verdict.passed is (reason == "3 hidden tests pass")


def test_the_wanted_tests_are_read_from_the_files() -> None:
    assert expected({"a/test_h.py": TESTS, "helper.py": "def test_no(): pass"}) == {
        "test_h.py::test_one",
        "test_h.py::test_two",
    }
