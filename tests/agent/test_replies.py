"""A reply that does not fit is told what was wrong with it; calls in its text are calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.agent.loop import End
from daemon.agent.providers import Reply
from daemon.agent.workspace import Workspace
from tests.agent.loop_case import checked, done, proof, run, says


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return checked(tmp_path)


def test_prose_without_calls_is_nudged_then_ended(workspace: Workspace) -> None:
    end, made = run(workspace, says("I think"), says("I would"), says("Let me"))
    assert end.status == "format"
    assert sum("no tool call" in message.content for message in made.messages) >= 2


def test_replies_that_only_misfit_end_it(workspace: Workspace) -> None:
    """An unknown tool, rubbish, wrong arguments: three in a row, whatever they are."""
    wrong = [says("", ("fly", "{}")), says("", ("sh", "{")), says("", ("sh", '{"cmd": 1}'))]
    end, _ = run(workspace, *wrong)
    assert end.status == "format"
    end, _ = run(workspace, *wrong[:2], says("", ("list_files", "{}")), *wrong[1:], proof(), done())
    assert end.status == "done"


def test_a_call_that_cannot_be_read_is_told_by_kind(workspace: Workspace) -> None:
    """Alone, and beside one that runs."""
    broken = '<tool_call>{"name": "fly", "arguments": {}}</tool_call>'
    end, made = run(workspace, says(broken), says(broken, ("run_tests", "{}")), done())
    assert end.status == "done"
    told = [one.content for one in made.messages if one.role == "user"]
    assert [text.startswith("[fly]\nerror: ") for text in told] == [True, True]


def test_a_reply_that_was_cut_is_told_so(workspace: Workspace) -> None:
    cut = Reply("so long", (), finish="length")
    _, made = run(workspace, cut, proof(), done())
    assert any("cut off at its length" in one.content for one in made.messages)


def test_calls_in_the_text_run_and_doubles_run_once(workspace: Workspace) -> None:
    """A declared call that also stands in the text is one call."""
    text = '```json\n{"name": "sh", "arguments": {"command": "echo x >> log"}}\n```'
    both = says(text, ("sh", '{"command": "echo x >> log"}'))
    alone = says(text)
    run(workspace, both, alone, proof(), done())
    assert (workspace.root / "log").read_text() == "x\nx\n"


def test_a_call_of_its_own_in_the_text_runs_after_the_declared_ones(workspace: Workspace) -> None:
    """One reply, two different calls: both are run, in order, and both results are told."""
    text = 'Then:\n```json\n{"name": "sh", "arguments": {"command": "cat log; echo b >> log"}}\n```'
    end, made = run(
        workspace, says(text, ("sh", '{"command": "echo a >> log; echo made"}')), proof(), done()
    )
    assert (end.status, (workspace.root / "log").read_text()) == ("done", "a\nb\n")
    told = [one.content for one in made.messages if "[exit 0]" in one.content]
    assert told == ["made\n[exit 0]", "[sh]\na\n[exit 0]"]


def test_an_unknown_tool_and_rubbish_arguments_are_told(workspace: Workspace) -> None:
    """As results, so that the model can mend them."""
    end, made = run(workspace, says("", ("fly", "{}")), says("", ("sh", "{")), proof(), done())
    told = [message.content for message in made.messages if message.role == "tool"]
    assert "there is no tool fly" in told[0]
    assert "not valid JSON" in told[1]
    assert end.status == "done"


def test_who_talks_hears_of_a_call_that_cannot_be_read(workspace: Workspace) -> None:
    """It is no answer, though it is text; JSON that names no tool of his is one."""
    wrong = '```json\n{"name": "sh", "arguments": "python3 primes.py"}\n```'
    right = '```json\n{"name": "sh", "arguments": {"command": "true"}}\n```'
    end, made = run(workspace, says(wrong), says(right), says("It ran."), talks=True)
    assert end == End("answered", "It ran.")
    assert any("[sh]\nerror: the arguments are not an object" in m.content for m in made.messages)
    shown = '```json\n{"name": "weather", "arguments": "Oslo"}\n```'
    end, _ = run(workspace, says(shown), talks=True)
    assert end == End("answered", shown)
