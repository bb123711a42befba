"""The goal gate: probes, a command with files the author never saw, or a test that main fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fitness.gates import goal
from fitness.subject import Subject
from tests.fitness.case import WORDS, Answer, Changes, Repo, answering_as

MODULE = "daemon/core/words.py"
LONGEST = WORDS + (
    '\n\ndef longest(text: str) -> str:\n    """The longest word."""\n'
    "    return max(text.split(), key=len)\n"
)
SHOWS = (
    "from daemon.core.words import longest\n\n\n"
    "def test_longest() -> None:\n    assert longest('a bcd ef') == 'bcd'\n"
)
CHECK = "from daemon.core.words import longest\nassert longest('ab c') == 'ab'\n"
COMMAND = ["python3", "-c", "import sys; sys.path[:0] = ['.', '/acceptance']; import check"]


def _answer(_: str, path: str, __: bytes) -> Answer:
    return (200, b"machine up: 3 minutes\n") if path == "/about" else (404, b"")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with answering_as(_answer) as found:
        yield found


def _asked(repo: Repo, changes: Changes, acceptance: object = None, **job: object) -> Subject:
    return repo.release(changes, goal={"text": "Tell more", "acceptance": acceptance}, **job)


@pytest.mark.parametrize(
    ("probe", "reason"),
    [
        ({"path": "/about", "matches": "^machine up: .*minute"}, None),
        ({"path": "/nothing", "status": 404}, None),
        ({"path": "/about", "matches": "hours"}, "/about does not say what the goal asks for"),
        ({"path": "/nothing"}, "/nothing answered 404, not 200"),
    ],
)
def test_probes_ask_the_served_candidate(
    repo: Repo, url: str, probe: dict[str, object], reason: str | None
) -> None:
    """Status and text of the answer decide."""
    subject = _asked(repo, {MODULE: LONGEST}, {"probes": [probe]})
    subject.url = url
    verdict = goal.judge(subject)
    assert (verdict.passed, verdict.reason) == (reason is None, reason or "1 probes agree")


def test_a_candidate_that_does_not_answer_has_not_reached_its_goal(repo: Repo) -> None:
    """No answer is a verdict, in a sentence, and not a broken gate."""
    subject = _asked(repo, {MODULE: LONGEST}, {"probes": [{"path": "/about"}]})
    subject.url = "http://127.0.0.1:9"
    verdict = goal.judge(subject)
    assert not verdict.passed
    assert verdict.reason.startswith("/about was not answered: ")


@pytest.mark.parametrize(
    ("changes", "files", "reason"),
    [
        ({MODULE: LONGEST}, {"check.py": CHECK}, None),
        ({MODULE: WORDS + "X = 1\n"}, {"check.py": CHECK}, "the acceptance check ended with 1"),
        ({MODULE: LONGEST}, {}, "the acceptance check ended with 1: ModuleNotFoundError"),
        # What the candidate calls `check` is not what is asked.
        ({MODULE: WORDS + "Y = 1\n", "tests/check.py": ""}, {"check.py": CHECK}, "the acceptance"),
    ],
)
def test_a_command_checks_a_copy_of_the_candidate(
    repo: Repo, changes: Changes, files: dict[str, str], reason: str | None
) -> None:
    """It sees its own files in /acceptance and the tree as its directory; exit 0 accepts."""
    subject = _asked(repo, changes, {"command": COMMAND, "files": files})
    verdict = goal.judge(subject)
    assert verdict.passed == (reason is None), verdict
    assert verdict.reason.startswith(reason or "its acceptance check succeeded")
    assert not list(subject.job.evidence.glob("*.scratch"))


def test_what_the_command_writes_never_reaches_the_release(repo: Repo) -> None:
    """The copy is thrown away with all that happened in it, also what a killed jury left."""
    write = ["sh", "-c", "echo X = 2 > daemon/core/words.py; touch /acceptance/x || exit 0; exit 9"]
    subject = _asked(repo, {MODULE: LONGEST}, {"command": write, "files": {"a.txt": "a"}})
    left = subject.scratch(goal.NAME) / "tree"
    left.mkdir()
    verdict = goal.judge(subject)
    assert verdict.passed, verdict
    assert (subject.job.candidate_dir / MODULE).read_text() == LONGEST
    assert not left.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({MODULE: LONGEST, "tests/core/test_longest.py": SHOWS}, None),
        ({MODULE: LONGEST}, "no test shows the improvement"),
        ({MODULE: LONGEST, "tests/journeys/test_longest.py": SHOWS}, "no test shows"),
        (
            {MODULE: LONGEST, "tests/core/test_x.py": "def test_x() -> None:\n    pass\n"},
            "every new test passes on main too",
        ),
        (
            {"tests/core/test_longest.py": SHOWS},
            "none of the new tests passes on the candidate",
        ),
        ({"tests/core/test_x.py": "import os\nos._exit(0)\n"}, "the new tests could not be"),
    ],
)
def test_without_a_check_a_new_test_must_tell_the_candidate_from_main(
    repo: Repo, changes: Changes, reason: str | None
) -> None:
    """It fails on main's code and passes on the candidate's."""
    verdict = goal.judge(_asked(repo, changes))
    assert verdict.passed == (reason is None), verdict
    assert verdict.reason.startswith(reason or "1 new tests fail on main and pass here")


def test_without_a_goal_there_is_nothing_to_reach(repo: Repo) -> None:
    """`orgctl fitness` on any commit names none."""
    assert goal.judge(repo.candidate({})).passed


def test_another_repo_without_a_check_is_left_to_its_own_gates(repo: Repo) -> None:
    """org cannot know how a stranger's tests are run."""
    assert goal.judge(_asked(repo, {MODULE: LONGEST}, None, kind="repo")).passed
