"""The loop ends for a reason: done with evidence, a limit, stuck, or a model that fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from daemon.agent.loop import End, Run
from daemon.agent.providers import ModelFault
from daemon.agent.rewrite import Rewrite, fenced
from daemon.agent.workspace import Workspace
from tests.agent.loop_case import Script, checked, done, hooks, proof, run, says, write

CHECK_MODULE = "grep -q '^X = 1' m.py || { echo test_x failed; exit 1; }\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return checked(tmp_path)


def test_done_counts_with_tests_that_passed_after_the_last_edit(workspace: Workspace) -> None:
    """Edit, prove, done."""
    end, made = run(workspace, write("a.txt", "x"), proof(), done())
    assert end == End("done", "better")
    assert made.tokens == 45


def test_done_without_evidence_goes_back_once_then_fails(workspace: Workspace) -> None:
    """The first time the model hears why; the second time it is over."""
    end, made = run(workspace, write("a.txt", "x"), done(), done())
    assert end.status == "failed"
    assert "not accepted" in made.messages[-2].content or "not accepted" in str(made.messages)


def test_an_edit_after_the_proof_needs_a_new_one(workspace: Workspace) -> None:
    """Tests that passed before the last edit prove nothing."""
    end, _ = run(workspace, proof(), write("a.txt", "x"), done(), proof(), done())
    assert end.status == "done"


def test_failing_tests_are_no_evidence(workspace: Workspace) -> None:
    end, _ = run(workspace, write("bad.txt", "x"), proof(), done(), done())
    assert end.status == "failed"


def test_the_step_limit_ends_it(workspace: Workspace) -> None:
    """With the limit's own status, never as a success."""
    replies = [says("", ("sh", f'{{"command": "echo {number}"}}')) for number in range(5)]
    end, made = run(workspace, *replies, steps_max=3)
    assert (end.status, made.turns) == ("steps", 3)


def test_the_same_call_again_and_again_is_stuck(workspace: Workspace) -> None:
    """Told once, then ended."""
    same = says("", ("list_files", "{}"))
    end, made = run(workspace, same, same, same, same)
    assert end.status == "stuck"
    assert any("exactly this call before" in message.content for message in made.messages)


@pytest.mark.parametrize(
    ("code", "status"),
    [("recording_unfit", "unfit"), ("budget_exhausted", "limit"), ("model_unreachable", "model")],
)
def test_a_model_that_fails_ends_it_by_kind(workspace: Workspace, code: str, status: str) -> None:
    end, _ = run(workspace, ModelFault(code, "why"))
    assert end == End(status, "why")


def test_only_turns_that_changed_files_are_steps(workspace: Workspace) -> None:
    """A step is told after the change, before the next question."""
    steps: list[str] = []
    made = Run(Script(proof(), write("a", "x"), proof(), done()), workspace, hooks(steps), 20)
    assert made.until_end().status == "done"
    assert steps == ["write_file"]


# The rewrite protocol


def rewrite(
    workspace: Workspace, *replies: str, goal: str = "mend m.py", tries: int = 0
) -> tuple[End, Script]:
    (workspace.root / "m.py").write_text("X = 0\n")
    (workspace.root / "check.sh").write_text(CHECK_MODULE)
    script = Script(*[says(reply) for reply in replies])
    end = Rewrite(script, workspace, hooks([]), 3, tries).until_end(goal, None)
    return end, script


def test_a_wrong_file_is_followed_by_what_failed(workspace: Workspace) -> None:
    """First wrong, then right: the second question holds the failing test."""
    end, script = rewrite(workspace, "```python\nX = 2\n```", "```python\nX = 1\n```")
    assert end.status == "done"
    assert "test_x" in script.asked[1][-1].content
    assert (workspace.root / "m.py").read_text() == "X = 1\n"


def test_a_reply_without_a_block_or_without_a_change_is_told(workspace: Workspace) -> None:
    end, script = rewrite(workspace, "X = 1", "```python\nX = 0\n```", "```\nX = 1\n```")
    assert end.status == "done"
    assert "no fenced code block" in script.asked[1][-1].content
    assert "as it was" in script.asked[2][-1].content


def test_a_file_that_comes_again_costs_no_tests(workspace: Workspace) -> None:
    """Nor does the old one in another layout; each is told what it was told of before."""
    (workspace.root / "runs").write_text("")
    (workspace.root / "check.sh").write_text(f"echo x >>runs; {CHECK_MODULE}")
    (workspace.root / "m.py").write_text("X = 0\n")
    replies = ["```\nX = 2\n```", "```\nX  =  2  # two\n```", "```\nX  =  0\n```"]
    script = Script(*[says(reply) for reply in replies], says("```\nX = 1\n```"))
    end = Rewrite(script, workspace, hooks([]), 4).until_end("mend m.py", None)
    assert end.status == "done"
    assert (workspace.root / "runs").read_text() == "x\n" * 3  # as it is, with 2, with 1
    first, second, third = (asked[-1].content for asked in script.asked[1:])
    assert first.replace("answer 2", "answer 3") == second != first  # a recording tells them apart
    assert "as it was" in third


@pytest.mark.parametrize(
    ("tries", "asked"), [(0, [0.2, 0.6, 0.9]), (1, [0.6, 0.9, 0.9]), (7, [0.9, 0.9, 0.9])]
)
def test_each_try_at_a_goal_is_freer(workspace: Workspace, tries: int, asked: list[float]) -> None:
    _, script = rewrite(workspace, *["```\nX = 3\n```"] * 3, tries=tries)
    assert script.temperatures == asked


def test_what_a_person_said_is_not_forgotten(workspace: Workspace) -> None:
    """It stands in every question that follows."""
    (workspace.root / "m.py").write_text("X = 0\n")
    (workspace.root / "check.sh").write_text(CHECK_MODULE)
    script = Script(*[says("```\nX = 3\n```")] * 3)
    words = [["take one"]]
    heard = replace(hooks([]), told=lambda: words.pop() if words else [])
    Rewrite(script, workspace, heard, 3).until_end("mend m.py", None)
    assert all("take one" in asked[-1].content for asked in script.asked)


def test_rounds_are_limited_and_failure_is_failure(workspace: Workspace) -> None:
    end, _ = rewrite(workspace, *["```\nX = 3\n```"] * 3)
    assert end.status == "failed"


def test_short_tests_of_the_file_are_shown(workspace: Workspace) -> None:
    """Long ones are not: of them what fails now is told."""
    (workspace.root / "test_m.py").write_text(
        "from m import X\n\n\ndef test():\n    assert X == 1\n"
    )
    (workspace.root / "test_n.py").write_text("from n import Y\n")
    _, script = rewrite(workspace, "```\nX = 1\n```")
    asked = script.asked[0][-1].content
    assert "assert X == 1" in asked
    assert "import Y" not in asked
    assert "test_x failed" not in asked
    (workspace.root / "test_m.py").write_text("from m import X\n" + "# more\n" * 500)
    _, script = rewrite(workspace, "```\nX = 1\n```")
    asked = script.asked[0][-1].content
    assert "import X" not in asked
    assert "test_x failed" in asked


def test_of_a_long_file_only_functions_are_asked_for(workspace: Workspace) -> None:
    """The rest of it stays, and is not paid for."""
    rest = "".join(f"def f{at}():\n    return {at}\n\n\n" for at in range(200))
    (workspace.root / "m.py").write_text(f"{rest}def last():\n    return 0\n")
    (workspace.root / "check.sh").write_text("grep -q 'return -1' m.py\n")
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


def test_the_longest_block_is_the_file() -> None:
    """A short example after it does not replace it."""
    assert fenced("```py\nlong = 1\nlonger = 2\n```\nuse:\n```\nx\n```") == "long = 1\nlonger = 2\n"
    assert fenced("```py\ncut off") is None
    assert fenced("It is:\n```py\nnot closed\n", ended=True) == "not closed\n"
