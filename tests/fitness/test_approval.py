"""Which changes wait for a person: those of what protects, and of the tests that hold it."""

from __future__ import annotations

import pytest

from fitness.approval import asked, only_grows
from fitness.gates import paths
from tests.fitness.case import TESTS, Changes, Repo

BEFORE = '''"""Counting, tested."""

import pytest

from daemon.core.words import count

MOST = 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
    ],
)
def test_none(text: str) -> None:
    assert count(text) == 0


def test_two() -> None:
    """Two."""
    assert count("a b") == 2
'''
NEW = '@pytest.mark.parametrize(\n    "text",\n    [\n        "a",\n    ],\n)\ndef test_a(text):\n'
GROWN = {
    "nothing": BEFORE,
    "a test at the end": f"{BEFORE}\n\ndef test_three() -> None:\n    assert count('a b c') == 3\n",
    "a test that begins like the next": BEFORE.replace("@", f"{NEW}    assert text\n\n\n@", 1),
    "a case": BEFORE.replace('" ",\n', '" ",\n        "  ",\n'),
    "an import": BEFORE.replace("import pytest", "import math\n\nimport pytest"),
    "a name more from the same": BEFORE.replace("import count", "import count, most"),
}
TWO, ASSERTS = "def test_two() -> None:\n", '    assert count("a b") == 2\n'
WEAKENED = {
    "an assertion": BEFORE.replace(ASSERTS, ""),
    "a return before it": BEFORE.replace(ASSERTS, f"    return\n{ASSERTS}"),
    "a condition around it": BEFORE.replace(TWO, f"if MOST < 3:\n  {TWO}"),
    "half of it in another": BEFORE.replace(ASSERTS, f"\n\ndef half() -> None:\n{ASSERTS}"),
    "a second of its name": f"{BEFORE}\n\n{TWO}    pass\n",
    "another meaning of its name": f"{BEFORE}\n\ntest_two = print\n",
    "another meaning of what it tests": f"{BEFORE}\n\nfrom math import floor as count\n",
    "another source of it": BEFORE.replace("daemon.core.words", "tests.core.fake"),
    "a case": BEFORE.replace('        " ",\n', ""),
    "its name": BEFORE.replace("test_two", "test_a_pair"),
    "a constant": BEFORE.replace("MOST = 3", "MOST = 4"),
}


@pytest.mark.parametrize("name", GROWN)
def test_a_file_of_tests_that_keeps_all_it_had_only_grows(name: str) -> None:
    """More tests, more cases, more imports; wherever they stand."""
    assert only_grows(BEFORE, GROWN[name])


@pytest.mark.parametrize("name", WEAKENED)
def test_a_test_that_lost_something_is_seen(name: str) -> None:
    """Also where every line of it is still there."""
    assert WEAKENED[name] != BEFORE
    assert not only_grows(BEFORE, WEAKENED[name])


FILE, FAR = "tests/core/test_words.py", "tests/journeys/test_far.py"
SKIP = "import pytest\n\npytestmark = pytest.mark.skip\n\n\ndef test_far() -> None:\n    pass\n"
FREE: tuple[Changes, ...] = (
    {"daemon/orchestrator/x.py": "X = 1\n"},
    {"tests/core/test_new.py": TESTS},
    {FILE: f"{TESTS}\n\ndef test_more() -> None:\n    assert True\n"},
)
WAITS: tuple[tuple[Changes, str], ...] = (
    ({"ops/cell.py": "X = 1\n"}, "ops/cell.py is protected"),
    ({FILE: TESTS.replace("== 2", ">= 0")}, f"{FILE} does not keep all that it tested"),
    ({FAR: SKIP}, f"{FAR} belongs to tests that no gate runs"),
    ({"tests/attacks/test_new.py": TESTS}, "tests/attacks/test_new.py belongs"),
    ({"tests/model_server.py": "X = 1\n"}, "tests/model_server.py belongs"),
)


@pytest.mark.parametrize("changes", FREE, ids=lambda one: next(iter(one)))
def test_the_program_and_more_tests_are_free(repo: Repo, changes: Changes) -> None:
    """Nobody is asked, and the gate says nothing of it."""
    subject = repo.candidate(changes)
    assert asked(repo.history, repo.base, subject.commit) is None
    assert paths.judge(subject).reason == "1 files"


@pytest.mark.parametrize(("changes", "why"), WAITS)
def test_what_protects_and_what_tests_it_wait_for_a_person(
    repo: Repo, changes: Changes, why: str
) -> None:
    """It is not refused for that, and the reason stands in the scorecard."""
    subject = repo.candidate(changes)
    told = asked(repo.history, repo.base, subject.commit) or ""
    assert told.startswith(f"it waits for approval, because {why}")
    assert paths.judge(subject).reason == f"1 files; {told}"
