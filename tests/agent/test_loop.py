"""The loop ends for a reason: done with evidence, a limit, stuck, or a model that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.agent.loop import End, Run
from daemon.agent.providers import ModelFault
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
