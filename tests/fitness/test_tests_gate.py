"""The tests gate: main's tests on the candidate's code, counted by their ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fitness.gates import own_tests
from fitness.gates import tests as gate
from fitness.subject import Subject
from fitness.verdict import Verdict
from tests.fitness.case import EMPTIES, FORGES, TESTS, WORDS, WORSE, Changes, Repo

FILE = "tests/core/test_words.py"
MODULE = "daemon/core/words.py"
OWN = """def test_three() -> None:
    from daemon.core.words import count

    assert count("a b c") == 3
"""
FORGED = WORDS + (
    "\nimport pathlib\n"
    "for name in ('/tmp/junit.xml', '/tmp/verdict.json'):\n"
    '    pathlib.Path(name).write_text(\'<testsuite failures="0"/> {"passed": true}\')\n'
    "print('3 passed in 0.01s', flush=True)\n"
    'print(\'{"id": "tests/core/test_words.py::test_two", "outcome": "passed"}\', flush=True)\n'
    "import os\nos._exit(0)\n"
)
# It finds the descriptor of the reports, but not what they begin with.
WRITES = WORDS + (
    "\nimport json, os, sys\n"
    "if 'pytest' in sys.modules:\n"
    "    names = ['test_two', 'test_none[]', 'test_none[ ]']\n"
    "    for name in names:\n"
    "        told = {'id': 'tests/core/test_words.py::' + name, 'outcome': 'passed'}\n"
    "        os.write(5, json.dumps(told).encode() + b'\\n')\n"
    "    os._exit(0)\n"
)
GHOST = "tests/core/test_words.py::test_ghost"
# Where a test runs, and not where tests are listed: it reports one more, as if it were another.
HAUNTED = f"""

_sound = count


def count(text: str) -> int:
    import sys

    from _pytest.reports import TestReport

    frame = sys._getframe()
    while "item" not in frame.f_locals:
        frame = frame.f_back
    made_up = TestReport({GHOST!r}, ("", 0, ""), {{}}, "passed", None, "call")
    frame.f_locals["item"].ihook.pytest_runtest_logreport(report=made_up)
    return _sound(text)
"""
UNCONTROLLED = "main's tests were not run as told: the run's own controls did not fail"
GOOD: dict[str, Changes] = {
    "the same behaviour": {MODULE: WORDS.replace("How many", "The number of")},
    "a test of its own": {"tests/core/test_new.py": OWN},
    "a test added to a file of main": {FILE: TESTS + "\n\n" + OWN},
    "a helper for tests": {"tests/core/shelf.py": "X = 1\n"},
}
BAD: dict[str, tuple[Changes, str]] = {
    "a broken promise": (
        {MODULE: WORSE},
        f"1 of main's tests do not pass: {FILE}::test_two",
    ),
    "leaves at once with success": (
        {MODULE: WORDS + "\nimport os\nos._exit(0)\n"},
        "4 of main's tests never reported a result",
    ),
    "leaves at the first call with success": (
        {MODULE: WORDS.replace("    return", "    import os; os._exit(0)\n    return")},
        "4 of main's tests never reported a result",
    ),
    "raises SystemExit": (
        {MODULE: WORDS + "\nraise SystemExit(0)\n"},
        "4 of main's tests never reported a result",
    ),
    "forges the reports and the output": ({MODULE: FORGED}, "4 of main's tests never reported"),
    "writes reports of its own": ({MODULE: WRITES}, "4 of main's tests never reported"),
    "reports in the name of pytest": ({MODULE: FORGES}, UNCONTROLLED),
    "has every test pass": ({MODULE: EMPTIES}, UNCONTROLLED),
    "does not import": ({MODULE: "import nothing_of_that_name\n"}, "4 of main's tests never"),
    "exits badly after all tests passed": (
        {MODULE: WORDS + "\nimport atexit, os\natexit.register(os._exit, 7)\n"},
        "main's tests ended as a run with 7, not 0",
    ),
    "skips from the code": (
        {
            MODULE: WORDS
            + "\n\ndef count(text: str) -> int:\n    import pytest\n\n    pytest.skip('no')\n"
        },
        f"3 of main's tests do not pass: {FILE}::test_none",
    ),
    "takes a file of tests away": ({FILE: None}, f"3 of main's tests were removed: {FILE}::test_"),
    "takes a test away": (
        {FILE: TESTS.replace("def test_two() -> None:", "def two() -> None:")},
        f"1 of main's tests were removed: {FILE}::test_two",
    ),
    "renames a test": (
        {FILE: TESTS.replace("test_two", "test_a_pair")},
        f"1 of main's tests were removed: {FILE}::test_two",
    ),
    "takes a journey away": (
        {"tests/journeys/test_far.py": None},
        "1 of main's tests were removed: tests/journeys/test_far.py::test_far",
    ),
    "skips a test": (
        {FILE: TESTS.replace("def test_two", "@pytest.mark.skip\ndef test_two")},
        f"1 of the tests as the candidate has them do not pass: {FILE}::test_two",
    ),
    "deselects a test": (
        {FILE: TESTS.replace("def test_two", "@pytest.mark.docker\ndef test_two")},
        f"1 of the tests as the candidate has them never reported a result: {FILE}::test_two",
    ),
    "takes a case of a test away": (
        {FILE: TESTS.replace('["", " "]', '[""]')},
        f"1 of the tests as the candidate has them never reported a result: {FILE}::test_none[ ]",
    ),
    "hides a test in a text": (
        {FILE: TESTS.replace("def test_two", 'T = """\ndef test_two') + '"""\n'},
        "4 of the tests as the candidate has them never reported a result",
    ),
    "its own test fails": (
        {"tests/core/test_new.py": OWN.replace("== 3", "== 4")},
        "1 of the tests as the candidate has them do not pass: tests/core/test_new.py::test_three",
    ),
    "its own test is skipped": (
        {"tests/core/test_new.py": "import pytest\n\n\n@pytest.mark.skip\n" + OWN},
        "1 of the tests as the candidate has them do not pass: tests/core/test_new.py::test_three",
    ),
    "its own file holds no test": (
        {"tests/core/test_new.py": "X = 1\n"},
        "the candidate's own tests did not report",
    ),
}


def _both(subject: Subject) -> Verdict:
    """Of main's tests, and where these say yes, of the candidate's own."""
    verdict = gate.judge(subject)
    return own_tests.judge(subject) if verdict.passed else verdict


@pytest.mark.parametrize("name", GOOD)
def test_a_candidate_that_keeps_all_promises_passes(repo: Repo, name: str) -> None:
    """Whatever else it does, every test of main and its own says so by its id."""
    verdict = _both(repo.release(GOOD[name]))
    assert verdict.passed, verdict


@pytest.mark.parametrize("name", BAD)
def test_a_candidate_that_breaks_or_cheats_is_rejected_by_name(repo: Repo, name: str) -> None:
    """An exit code, a report file or printed words convince nobody."""
    changes, sentence = BAD[name]
    verdict = _both(repo.release(changes))
    assert not verdict.passed
    assert verdict.reason.startswith(sentence), verdict


def _kept(subject: Subject, kind: str) -> Path:
    return subject.baselines / f"{subject.job.base}-{kind}.json"


def test_what_main_expects_is_kept_by_its_commit(repo: Repo) -> None:
    """The ids that main has; and ids and outcomes once main's own run was needed."""
    subject = repo.release(GOOD["the same behaviour"])
    for kind in ("ids", "run"):
        _kept(subject, kind).unlink(missing_ok=True)
    ids = [f"{FILE}::test_{name}" for name in ("two", "none[]", "none[ ]", "elsewhere")]
    assert gate.supposed(subject) == dict.fromkeys(ids, "passed")
    ran = gate.baseline(subject)
    assert ran == dict.fromkeys(ids, "passed") | {f"{FILE}::test_elsewhere": "skipped"}
    assert json.loads(_kept(subject, "run").read_bytes()) == ran


def test_the_results_of_an_accepted_candidate_are_known_should_it_become_main(repo: Repo) -> None:
    """With those of its own tests; the next candidate on top of it needs no run of main's."""
    subject = repo.release(GOOD["a test of its own"])
    assert _both(subject).passed
    gate.remember(subject)
    told = {**gate.baseline(subject), "tests/core/test_new.py::test_three": "passed"}
    follower = _on_top(repo, subject, GOOD["a test of its own"] | GOOD["a helper for tests"])
    assert gate.supposed(follower) == told
    assert gate.judge(follower).passed
    assert not _kept(follower, "run").exists()


def test_a_test_that_nobody_has_is_expected_of_nobody(repo: Repo) -> None:
    """What accepted code made up is neither remembered nor found in main's own run."""
    subject = repo.release({MODULE: WORDS + HAUNTED})
    assert gate.judge(subject).passed
    assert GHOST in subject.results  # so it was reported
    gate.remember(subject)
    follower = _on_top(repo, subject, {})
    assert gate.judge(follower).passed
    assert GHOST not in gate.supposed(follower)
    assert GHOST not in gate.baseline(follower)


def _on_top(repo: Repo, main: Subject, changes: Changes) -> Subject:
    """A candidate on what was accepted before."""
    return Repo(repo.home, repo.history, main.commit).release(changes)


def test_a_test_that_main_fails_is_not_held_against_the_candidate() -> None:
    """It may fail, pass or be mended; one that passes on main may only pass."""
    assert gate._as_good("failed", "failed")
    assert gate._as_good("passed", "failed")
    assert gate._as_good("passed", "skipped")
    assert gate._as_good("skipped", "skipped")
    assert not gate._as_good("failed", "skipped")
    assert not gate._as_good("skipped", "passed")
    assert not gate._as_good("failed", "passed")


def test_a_main_that_cannot_be_tested_passes_nobody(repo: Repo) -> None:
    """Without an expectation there is nothing that could be kept."""
    subject = repo.release(GOOD["the same behaviour"], python="/usr/bin/false")
    there = [path for path in (_kept(subject, "ids"), _kept(subject, "run")) if path.exists()]
    aside = [(path, path.rename(path.with_suffix(".aside"))) for path in there]
    try:
        verdict = gate.judge(subject)
    finally:
        for path, moved in aside:
            moved.rename(path)
    assert not verdict.passed
    assert verdict.reason == "main's tests judge nobody, for they did not run to their end on main"
