"""The loop ends for a reason: done with evidence, a limit, stuck, or a model that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.agent.failures import shortly
from daemon.agent.loop import End, Hooks, Run
from daemon.agent.messages import Call, Message
from daemon.agent.providers import ModelFault, Reply, Usage
from daemon.agent.rewrite import Rewrite, fenced
from daemon.agent.workspace import Workspace

CHECK = "test ! -e bad.txt || { echo test_x failed; exit 1; }\n"
CHECK_MODULE = "grep -q '^X = 1' m.py || { echo test_x failed; exit 1; }\n"
TESTS = ("sh", "check.sh")  # tests are a command; a quick one keeps these quick


class Script:
    """A provider that says what was written beforehand, and keeps what it was asked."""

    def __init__(self, *replies: Reply | ModelFault) -> None:
        self.replies = list(replies)
        self.asked: list[list[Message]] = []
        self.temperatures: list[float | None] = []

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[dict[str, Any]],
        temperature: float | None = None,
    ) -> Reply:
        self.asked.append(list(messages))
        self.temperatures.append(temperature)
        reply = self.replies.pop(0)
        if isinstance(reply, ModelFault):
            raise reply
        return reply


def says(content: str = "", *calls: tuple[str, str]) -> Reply:
    made = tuple(
        Call(id=f"c{at}", name=name, arguments=text) for at, (name, text) in enumerate(calls)
    )
    return Reply(content, made, usage=Usage(10, 5))


def done() -> Reply:
    return says("", ("done", '{"summary": "better"}'))


def proof() -> Reply:
    return says("", ("run_tests", "{}"))


def write(path: str, text: str) -> Reply:
    import json

    return says("", ("write_file", json.dumps({"path": path, "content": text})))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "check.sh").write_text(CHECK)
    return Workspace(tmp_path, TESTS)


def hooks(steps: list[str], late: bool = False) -> Hooks:
    return Hooks(
        lambda *_: None,
        lambda *_: None,
        lambda *_: None,
        lambda _, summary: steps.append(summary),
        lambda: late,
    )


def run(
    workspace: Workspace, *replies: Reply | ModelFault, steps_max: int = 20, talks: bool = False
) -> tuple[End, Run]:
    made = Run(Script(*replies), workspace, hooks([]), steps_max)
    made.talks = talks
    return made.until_end(), made


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


def test_an_unknown_tool_and_rubbish_arguments_are_told(workspace: Workspace) -> None:
    """As results, so that the model can mend them."""
    end, made = run(workspace, says("", ("fly", "{}")), says("", ("sh", "{")), proof(), done())
    told = [message.content for message in made.messages if message.role == "tool"]
    assert "there is no tool fly" in told[0]
    assert "not valid JSON" in told[1]
    assert end.status == "done"


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


PYTEST_SAID = """.FFF                                                      [100%]
=================================== FAILURES ===================================
__________________________________ test_even ___________________________________
test_stats.py:10: in test_even
    assert median([4, 1, 3, 2]) == 2.5
E   assert 3 == 2.5
E    +  where 3 = median([1, 2, 3, 4])
E   one
E   two
_________________________________ test_nothing _________________________________
test_stats.py:15: in test_nothing
    median([])
stats.py:7: in median
    return values[len(values) // 2]
           ^^^^^^^^^^^^^^^^^^^^^^^^
E   IndexError: list index out of range
_________________________________ test_long ____________________________________
E   assert LONG
=========================== short test summary info ============================
FAILED test_stats.py::test_even - assert 3 == 2.5
2 failed, 1 passed
[the tests failed]""".replace("LONG", "x" * 300)
SHORTLY = """test_even:
    assert median([4, 1, 3, 2]) == 2.5
E   assert 3 == 2.5
E    +  where 3 = median([1, 2, 3, 4])
E   one
test_nothing:
    median([])
    return values[len(values) // 2]
E   IndexError: list index out of range"""


def test_failures_are_told_without_frames_and_whole() -> None:
    """What does not fit is left out from the end on; the words of other runners are cut."""
    assert shortly(PYTEST_SAID, 300) == SHORTLY
    assert "test_long" in shortly(PYTEST_SAID, 1_000)
    assert shortly(PYTEST_SAID, 50) == SHORTLY[:49]
    assert shortly("not ok 1 - it is red", 6) == "is red"


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
