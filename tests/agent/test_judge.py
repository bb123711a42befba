"""A claim is told from a wish, a question and a quote; without evidence it does not count."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from daemon.agent.judge import Deed, claims, complaint, missing, runs_tests, unproved
from daemon.agent.loop import Hooks, Run
from daemon.agent.messages import Message
from daemon.agent.shell import parse
from daemon.agent.workspace import Workspace
from tests.agent.room.case import Scripts, says

CHANGED, RAN, TESTED = Deed.CHANGED, Deed.RAN, Deed.TESTED


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("I created hello.py with a greeting.", [CHANGED]),
        ("I've written the file `notes/plan.md`.", [CHANGED]),
        ("We have now updated the function so that it is linear.", [CHANGED]),
        ("I just fixed the bug in the parser.", [CHANGED]),
        ("The file has been saved to out.txt.", [CHANGED]),
        ("The code has been successfully refactored.", [CHANGED]),
        ("Done! I’ve added tests for the module.", [CHANGED]),
        ("I ran the script and it printed 42.", [RAN]),
        ("I have executed `make`.", [RAN]),
        ("The command has been executed.", [RAN]),
        ("I tested it with three inputs.", [RAN]),
        ("All tests pass.", [TESTED]),
        ("The unit tests are now passing.", [TESTED]),
        ("It passes all tests.", [TESTED]),
        ("I changed a.py, ran pytest on it, and all tests passed.", [CHANGED, TESTED]),
        ("Created `hello.py` with a greeting function.", [CHANGED]),
        ("Successfully wrote the file to hello.py.", [CHANGED]),
        ("Fixed the bug in parser.py", [CHANGED]),
        ("I went ahead and created hello.py", [CHANGED]),
        ("I have gone ahead and written hello.py.", [CHANGED]),
        ("✅ **Added** `foo()` to the module", [CHANGED]),
        ("Saved to out.txt.", [CHANGED]),
        ("12 passed in 0.3s", [TESTED]),
        ("Tests: 5 passed, 0 failed.", [TESTED]),
        ("- Added tests for bar.py\n- Ran the tests: 12 passed", [CHANGED, RAN, TESTED]),
        ("I edited a.py.\nThen I ran the tests.\nThe tests passed.", [CHANGED, RAN, TESTED]),
    ],
)
def test_claims(text: str, claimed: list[Deed]) -> None:
    """A sentence about an own deed, done."""
    assert claims(text) == claimed


@pytest.mark.parametrize(
    "text",
    [
        "I will create hello.py.",
        "You can run the script with python hello.py.",
        "Should I update the file?",
        "If I ran the tests they would fail.",
        "I did not change the file.",
        "I couldn't run the tests.",
        "Let me write the code first.",
        "The tests should pass once the bug is fixed.",
        "I have written a poem about the sea.",
        "I added two and three and got five.",
        "The function changed the world.",
        "```\nI created hello.py. All tests pass.\n```",
        "> I created hello.py",
        "Tests are important. Passing them matters.",
        "I think the file is too long.",
        "I read a.py; it defines a function.",
        "Please make sure that the tests pass.",
        "I wrote hello.py earlier.",
        "Create hello.py with a greeting.",
        "Run the tests with pytest.",
        "You could write the file to hello.py.",
        "Should I fix the bug in parser.py?",
        "I will go ahead and fix the bug.",
        "Plan: create `hello.py`, then run the script.",
        "Fixed code is worth more than new code.",
        "Added value is what the file is for.",
        "Of 20 students 12 passed.",
        "11 passed, 1 failed in 0.3s",
        "",
    ],
)
def test_what_claims_nothing(text: str) -> None:
    assert claims(text) == []


def test_evidence_is_of_the_same_kind() -> None:
    """A run is no change; tests that passed were run."""
    text = "I changed a.py and ran the tests. All tests pass."
    assert unproved(text, [CHANGED, TESTED]) == []
    assert unproved(text, [RAN]) == [CHANGED, TESTED]
    assert unproved("I ran the script.", [TESTED]) == []
    assert complaint(unproved(text, [RAN])) == f"{complaint([CHANGED])} and that tests pass"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("pytest -q", True),
        ("cd sub && python -m pytest tests", True),
        ("timeout 60 .venv/bin/python3 -m unittest", True),
        ("bash -o pipefail -c 'uv run pytest -q'", True),
        ("make -j2 test", True),
        ("npm run test", True),
        ("cargo test", True),
        ("go test ./...", True),
        ("tox -e py311", True),
        ("cat test.txt", False),
        ("ls tests", False),
        ("echo pytest", False),
        ("python test.py", True),
        ("./gradlew test", True),
        ("ctest -V", True),
        ("bash run_tests.sh", True),
        ("uvx pytest", True),
        ("npm run test:unit", True),
        ("python manage.py test", True),
        ("cd test", False),
        ("test -f x.py", False),
        ("pytest -V", False),
        ("pip install pytest", False),
        ("uv add pytest", False),
        ("pytest --co", False),
        ("python -m pytest --version", False),
        ("make", False),
    ],
)
def test_only_a_run_of_tests_shows_that_tests_were_run(line: str, shown: bool) -> None:
    """The program tells, wherever it stands; the word alone does not."""
    assert any(map(runs_tests, parse(line).commands)) is shown


def test_it_reads_long_texts_quickly() -> None:
    """Bombs of half-sentences do not hold it."""
    began = time.monotonic()
    for bomb in (
        "I ran " * 4000,
        "tests " * 4000,
        "file has been " * 2000,
        "`" * 20_000,
        "1 passed " * 2000,
    ):
        claims(bomb)
    assert time.monotonic() - began < 10


def test_a_goal_is_reached_by_a_change_that_tests_show(tmp_path: Path) -> None:
    """Done without a change goes back with the reason; done with one, and tests, counts."""
    (tmp_path / "check.sh").write_text("exit 0\n")
    workspace = Workspace(tmp_path, ("sh", "check.sh"))
    words: list[str] = []
    hooks = Hooks(_heard, _heard, lambda _, __, one: words.append(one.text), _heard, lambda: False)
    proof, done = says("", ("run_tests", "{}")), says("", ("done", '{"summary": "better"}'))
    edit = says("", ("write_file", '{"path": "a.py", "content": "A = 1"}'))
    scripts = Scripts(author=[proof, done, edit, proof, done])
    run = Run(scripts("author", _heard), workspace, hooks, 10, must_change=True)
    run.messages = [Message(role="user", content="Goal: x")]
    assert run.until_end().status == "done"
    assert any("no file was changed" in one for one in words)
    assert missing(changed=False, tested=False).count("and") == 1


def _heard(*_: object) -> None:
    return
