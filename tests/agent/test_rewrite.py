"""The protocol for small models: one file, a few rounds, tests decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.agent.loop import End
from daemon.agent.rewrite import Rewrite, fenced, listed
from daemon.agent.workspace import Workspace
from tests.agent.loop_case import Script, checked, hooks, says

CHECK = "grep -q '^X = 1' m.py || { echo test_x failed; exit 1; }\n"
COUNTED = """n=0
grep -q a m.py && n=$((n + 1))
grep -q b m.py && n=$((n + 1))
echo "$n passed, $(tail -n 1 m.py) is not it"
[ $n -eq 2 ]
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return checked(tmp_path)


def rewrite(
    workspace: Workspace, *replies: str, goal: str = "mend m.py", check: str = CHECK, **more: Any
) -> tuple[End, Script]:
    """`more` are fields of the run; without them it takes a round for each reply."""
    (workspace.root / "m.py").write_text("X = 0\n")
    (workspace.root / "check.sh").write_text(check)
    script = Script(*[says(reply) for reply in replies])
    fields = {"rounds_max": len(replies)} | more
    return Rewrite(script, workspace, hooks([]), **fields).until_end(goal, None), script


def asked(script: Script) -> list[str]:
    """Each question, without what all of them begin with."""
    return [messages[-1].content for messages in script.asked]


def test_a_wrong_file_is_shown_with_what_failed(workspace: Workspace) -> None:
    """First wrong, then right: the second question is about the answer, not about the old file."""
    end, script = rewrite(workspace, "```python\nX = 2\n```", "```python\nX = 1\n```")
    assert end.status == "done"
    second = asked(script)[1]
    assert "test_x failed" in second
    assert "X = 2" in second
    assert "X = 0" not in second
    assert (workspace.root / "m.py").read_text() == "X = 1\n"


def test_what_passes_more_tests_is_gone_on_from(workspace: Workspace) -> None:
    """A better answer is mended on; after a worse one the old file is begun with again."""
    replies = [f"```\nX = '{text}'\n```" for text in ("a", "ac", "d", "ab")]
    end, script = rewrite(workspace, *replies, check=COUNTED)
    assert end.status == "done"
    first, second, third, fourth = asked(script)
    assert "X = 0" in first
    assert "X = 'a'\n```" in second
    assert "X = 'ac'\n```" in third
    assert "X = 0" in fourth
    assert "X = 'd' is not it" in fourth


def test_what_others_refused_is_reviewed_first(workspace: Workspace) -> None:
    """Its tests pass here: what it lacks can only be found in the goal, sentence by sentence."""
    goal = "Mend m.py: X is one. It must not be two."
    review, answer = "The last line must hold one.", "```\nX = 1\n```"
    end, script = rewrite(
        workspace, review, answer, goal=goal, tries=1, rounds_max=1, former="X = 2  # once\n"
    )
    assert end.status == "done"
    first, second = asked(script)
    assert "- Mend m.py: X is one.\n- It must not be two." in first
    assert "X = 2  # once" in first
    assert "X = 2  # once" in second
    assert review in second


def test_a_refused_answer_is_not_given_again(workspace: Workspace) -> None:
    """Nor tested: it was."""
    same = "```\nX = 1\n```"
    end, _ = rewrite(workspace, "Look at X.", same, tries=1, rounds_max=1, former="X = 1\n")
    assert end.status == "failed"
    assert (workspace.root / "m.py").read_text() == "X = 0\n"


def test_a_reply_without_a_block_or_without_a_change_is_told(workspace: Workspace) -> None:
    end, script = rewrite(workspace, "X = 1", "```python\nX = 0\n```", "```\nX = 1\n```")
    assert end.status == "done"
    assert "no fenced code block" in script.asked[1][-1].content
    assert "as it was" in script.asked[2][-1].content


def test_a_file_that_comes_again_costs_no_tests(workspace: Workspace) -> None:
    """Nor does the old one in another layout; each is told what it was told of before."""
    (workspace.root / "runs").write_text("")
    replies = [
        "```\nX = 2\n```",
        "```\nX  =  2  # two\n```",
        "```\nX  =  0\n```",
        "```\nX = 1\n```",
    ]
    end, script = rewrite(workspace, *replies, check=f"echo x >>runs; {CHECK}")
    assert end.status == "done"
    assert (workspace.root / "runs").read_text() == "x\n" * 3  # as it is, with 2, with 1
    third, fourth = asked(script)[2:]
    assert "A former answer failed so" in third
    assert "as it was" in fourth
    assert len({*asked(script)}) == len(replies)  # a recording tells them apart


@pytest.mark.parametrize(
    ("tries", "wanted"), [(0, [0.2, 0.2, 0.6]), (1, [0.6, 0.2, 0.9]), (7, [0.9, 0.2, 0.9])]
)
def test_each_try_at_a_goal_is_freer(workspace: Workspace, tries: int, wanted: list[float]) -> None:
    """To mend what is there is another question, with a likeliest answer of its own."""
    _, script = rewrite(workspace, *["```\nX = 3\n```"] * 3, tries=tries)
    assert script.temperatures == wanted


def test_what_a_person_said_is_not_forgotten(workspace: Workspace) -> None:
    """It stands in every question that follows."""
    (workspace.root / "m.py").write_text("X = 0\n")
    (workspace.root / "check.sh").write_text(CHECK)
    script = Script(*[says("```\nX = 3\n```")] * 3)
    words = [["take one"]]
    heard = replace(hooks([]), told=lambda: words.pop() if words else [])
    Rewrite(script, workspace, heard, 3).until_end("mend m.py", None)
    assert all(messages[-1].content == "take one" for messages in script.asked)


def test_rounds_are_limited_and_failure_is_failure(workspace: Workspace) -> None:
    end, _ = rewrite(workspace, *["```\nX = 3\n```"] * 3)
    assert end.status == "failed"


def test_short_tests_of_the_file_are_shown(workspace: Workspace) -> None:
    """Long ones are not: of them what fails now is told."""
    tests = "from m import X\n\n\ndef test():\n    assert X == 1\n"
    (workspace.root / "test_m.py").write_text(tests)
    (workspace.root / "test_n.py").write_text("from n import Y\n")
    _, script = rewrite(workspace, "```\nX = 1\n```")
    (shown,) = asked(script)
    assert "assert X == 1" in shown
    assert "import Y" not in shown
    assert "test_x failed" not in shown
    (workspace.root / "test_m.py").write_text("from m import X\n" + "# more\n" * 500)
    _, script = rewrite(workspace, "```\nX = 1\n```")
    (shown,) = asked(script)
    assert "import X" not in shown
    assert "test_x failed" in shown


def test_tests_that_are_copied_out_of_the_question_stay_out(workspace: Workspace) -> None:
    tests = "from m import X\n\n\ndef test_one():\n    assert X == 1\n"
    (workspace.root / "test_m.py").write_text(tests)
    answer = "X = 1\n\n\ndef test_own():\n    pass\n"
    copied = answer + "\n\ndef test_one():\n    assert X == 1\n"
    end, _ = rewrite(workspace, f"```\n{copied}```")
    assert end.status == "done"
    assert (workspace.root / "m.py").read_text() == answer


def test_tests_alone_are_no_answer(workspace: Workspace) -> None:
    """Nor do they stand for the file because they are longer than it."""
    tests = "from m import X\n\n\ndef test_one():\n    assert X == 1\n"
    (workspace.root / "test_m.py").write_text(tests)
    replies = [f"```\n{tests}```", f"```\nX = 1\n```\nTested by:\n```\n{tests}```"]
    end, script = rewrite(workspace, *replies)
    assert end.status == "done"
    assert "A former answer held no fenced code block" in asked(script)[1]
    assert (workspace.root / "m.py").read_text() == "X = 1\n"


def test_a_function_of_the_file_that_is_named_like_a_test_stays(workspace: Workspace) -> None:
    named = "def test_one(text):\n    return X\n"
    (workspace.root / "test_m.py").write_text(f"from m import X\n\n\n{named}")
    (workspace.root / "m.py").write_text(f"X = 0\n\n\n{named}")
    (workspace.root / "check.sh").write_text(CHECK)
    answer = f"X = 1\n\n\n{named}"
    end = Rewrite(Script(says(f"```\n{answer}```")), workspace, hooks([]), 1).until_end(
        "mend m.py", None
    )
    assert end.status == "done"
    assert (workspace.root / "m.py").read_text() == answer


def long_file(workspace: Workspace) -> str:
    """What stands above its last function, which is to return -1."""
    rest = "".join(f"def f{at}():\n    return {at}\n\n\n" for at in range(200))
    (workspace.root / "m.py").write_text(f"{rest}def last():\n    return 0\n")
    (workspace.root / "check.sh").write_text("grep -q 'return -1' m.py\n")
    return rest


def test_a_part_that_cannot_be_read_does_not_stand_for_the_file(workspace: Workspace) -> None:
    """The next answer is put into the file as it was."""
    rest = long_file(workspace)
    script = Script(*[says(f"```\ndef last():\n    return {one}\n```") for one in ("(", "-1")])
    assert Rewrite(script, workspace, hooks([]), 2).until_end("mend m.py", None).status == "done"
    assert "def f7" in asked(script)[1]
    assert (workspace.root / "m.py").read_text() == f"{rest}def last():\n    return -1\n"


def test_of_a_long_file_only_functions_are_asked_for(workspace: Workspace) -> None:
    """The rest of it stays, and is not paid for."""
    rest = long_file(workspace)
    script = Script(says("```python\ndef last():\n    return -1\n```"))
    end = Rewrite(script, workspace, hooks([]), 1).until_end("mend m.py", None)
    assert end.status == "done"
    assert "each function that must change" in script.asked[0][0].content
    text = f"{rest}def last():\n    return -1\n"
    assert (workspace.root / "m.py").read_text() == text


def test_a_goal_that_names_no_file_is_refused(workspace: Workspace) -> None:
    end, _ = rewrite(workspace, goal="be better")
    assert end.status == "failed"
    assert "--module" in end.reason


def test_a_goal_is_shown_sentence_by_sentence() -> None:
    """Lines that were only too long are one; numbers and calls do not end a sentence."""
    goal = "Mend f() in m.py, e.g. `f(a)`: 1.5 of them is\ntwo. An empty text raises.\n\nas before"
    sentences = ["Mend f() in m.py, e.g. `f(a)`: 1.5 of them is two.", "An empty text raises."]
    assert listed(goal) == "".join(f"- {one}\n" for one in sentences) + "- as before"


@pytest.mark.parametrize(
    "goal",
    [
        "```\nif x:\n    y = 1. Z = 2\n```\nOne. Two.",
        "- keep order. Always.\n- no colour",
        "1. keep order\n2. no colour",
        ">>> f(1)\n    two  spaces",
    ],
)
def test_what_a_goal_lays_out_stays_as_it_is(goal: str) -> None:
    assert listed(goal) == goal


def test_what_a_goal_quotes_stays_whole() -> None:
    goal = 'Print `a  b. C`, and "One. Two."  Then end.'
    assert listed(goal) == '- Print `a  b. C`, and "One. Two."  Then end.'


def test_blocks_are_found() -> None:
    assert fenced("```py\nx = 1\n```\nuse:\n```\nx\n```") == ["x = 1\n", "x\n"]
    assert fenced("```py\ncut off") == []
    assert fenced("It is:\n```py\nnot closed\n", ended=True) == ["not closed\n"]
