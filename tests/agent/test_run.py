"""A run's limits, the calls that it makes of a reply, and a person who steers it."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from daemon.agent.ends import Limits, Price
from daemon.agent.line import Line
from daemon.agent.loop import Interrupted
from daemon.agent.providers import ModelFault, Reply
from ops.sockets import send_line
from tests.agent.powerless import powerless
from tests.agent.scripted_run import DONE, PROOF, Script, calls, hooks, run_of, sh

# Limits


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (Limits(3), "steps"),
        (Limits(50, tokens_max=300), "tokens"),
        (Limits(50, money_max=0.0005, price=Price(1.0, 10.0)), "money"),
        (Limits(50, money_max=1.0), "money"),
    ],
)
def test_each_limit_has_a_status_of_its_own(tmp_path: Path, limits: Limits, status: str) -> None:
    """Steps, tokens, money; a price that is not known counts as too much, not as nothing."""
    replies = [sh(f"echo {number}") for number in range(9)]
    made = run_of(tmp_path, *replies, limits=limits)
    assert made.until_end().status == status
    assert made.turns <= 4


def test_time_and_a_person_end_it_too(tmp_path: Path) -> None:
    assert run_of(tmp_path, hooks=hooks(late=lambda: True)).until_end().status == "time"
    assert run_of(tmp_path, hooks=hooks(stopped=lambda: True)).until_end().status == "stopped"


# Calls


def test_every_call_of_a_reply_is_answered(tmp_path: Path) -> None:
    """Servers refuse a conversation with a call that has no result; sixteen of a reply run."""
    many = calls(*(("sh", {"command": f"echo {n} >> log"}) for n in range(20)))
    made = run_of(tmp_path, many, PROOF, DONE)
    assert made.until_end().status == "done"
    results = [one for one in made.messages if one.role == "tool"][:20]
    assert [one.answers for one in results] == [call.id for call in many.calls]
    assert (tmp_path / "work/log").read_text().split() == [str(n) for n in range(16)]
    assert {one.content for one in results[16:]} == {"not run: more than 16 calls in one reply"}
    wrong = [calls(*((f"fly{turn}", {"to": n}) for n in range(20))) for turn in range(3)]
    assert run_of(tmp_path, *wrong).until_end().status == "format"


def test_the_same_call_twice_in_a_reply_runs_once(tmp_path: Path) -> None:
    """Its result answers both; after something that may have changed it, it runs again."""
    add, show = ("sh", {"command": "echo x >> log"}), ("read_file", {"path": "log"})
    wrote = ("write_file", {"path": "log", "content": "y\n"})
    made = run_of(tmp_path, calls(add, add, show, wrote, show), PROOF, DONE)
    assert made.until_end().status == "done"
    told = [one.content for one in made.messages if one.role == "tool"]
    assert told[0] == told[1]
    assert ("x" in told[2], "y" in told[2], "y" in told[4]) == (True, False, True)
    text = "".join('```json\n{"name": "sh", "arguments": {"command": "echo z >> z"}}\n```\n' * 2)
    assert run_of(tmp_path, Reply(text, ()), PROOF, DONE).until_end().status == "done"
    assert (tmp_path / "work/z").read_text() == "z\n"


def test_tests_that_run_again_after_an_edit_prove_it(tmp_path: Path) -> None:
    """Also when one reply holds it all, as text."""
    wrote = ("write_file", {"path": "new.py", "content": "x = 1\n"})
    each = [("run_tests", {}), wrote, ("run_tests", {}), ("done", {"summary": "made"})]
    text = "".join(
        f"```json\n{json.dumps({'name': name, 'arguments': given})}\n```\n" for name, given in each
    )
    assert run_of(tmp_path, Reply(text, ())).until_end().status == "done"


@pytest.mark.parametrize(("hook", "status"), [("late", "time"), ("stopped", "stopped")])
def test_what_ends_a_run_ends_it_between_two_calls(tmp_path: Path, hook: str, status: str) -> None:
    """What is left is not run, and is answered so."""
    ran: list[Any] = []
    ends = {hook: lambda: bool(ran), "result": lambda *told: ran.append(told)}
    made = run_of(tmp_path, calls(*_touches("a", "b", "c")), hooks=hooks(**ends))
    assert made.until_end().status == status
    assert [one.name for one in (tmp_path / "work").iterdir()] == ["a"]
    assert [one.content[:8] for one in made.messages[-2:]] == ["not run:"] * 2


def test_who_has_something_to_say_at_once_is_heard_before_the_next_call(tmp_path: Path) -> None:
    ran: list[Any] = []
    said = {"urgent": lambda: len(ran) == 1, "result": lambda *told: ran.append(told)}
    made = run_of(tmp_path, calls(*_touches("a", "b")), PROOF, DONE, hooks=hooks(**said))
    assert made.until_end().status == "done"
    assert [one.name for one in (tmp_path / "work").iterdir()] == ["a"]


def test_the_time_is_up_while_the_model_speaks() -> None:
    """It is not listened to any longer; words for later do not stop it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        line = Line(ours)
        send_line(theirs, {"tell": "use tabs"})
        line.listen("word")
        assert not line.hooks().urgent()
        line.deadline = time.monotonic()
        with pytest.raises(Interrupted):
            line.listen("word")
        send_line(theirs, {"tell": "stop that", "now": True})
        assert line.hooks().urgent()


def _touches(*names: str) -> list[tuple[str, dict[str, Any]]]:
    return [("sh", {"command": f"touch {name}"}) for name in names]


def test_a_model_that_takes_no_tools_is_told_of_them_in_words(tmp_path: Path) -> None:
    """Once, and from then on none is declared; its calls are found in its text."""
    fault = ModelFault("tools_unsupported", "gemma2:9b does not support tools")
    wrote = '```json\n{"name": "sh", "arguments": {"command": "touch a"}}\n```'
    made = run_of(tmp_path, fault, Reply(wrote, ()), PROOF, DONE)
    assert made.until_end().status == "done"
    assert (tmp_path / "work/a").exists()
    assert isinstance(made.provider, Script)
    assert [bool(count) for count in made.provider.tools] == [True, False, False, False]
    words = made.provider.asked[1][-1].content
    assert "write_file(path, content)" in words and "```json" in words
    assert made.provider.asked[3].count(made.provider.asked[1][-1]) == 1
    assert run_of(tmp_path, fault, fault).until_end().status == "model"


def test_files_that_a_command_hides_end_no_run(tmp_path: Path) -> None:
    """The model hears of it from its tools, and may take it back."""
    hide = sh("mkdir -p pkg && echo x > pkg/m && chmod -R 644 pkg")
    with powerless():
        made = run_of(tmp_path, hide, sh("chmod 755 pkg"), PROOF, DONE)
        assert made.until_end().status == "done"


# Steering


def test_what_a_person_says_comes_before_the_next_question(tmp_path: Path) -> None:
    words = [["use tabs"], [], [], []]
    made = run_of(tmp_path, PROOF, DONE, hooks=hooks(told=lambda: words.pop(0)))
    assert made.until_end().status == "done"
    assert isinstance(made.provider, Script)
    assert made.provider.asked[0][-1].wire() == {"role": "user", "content": "use tabs"}


def test_a_person_may_interrupt_the_model(tmp_path: Path) -> None:
    """What it was saying is dropped, and the words come next."""
    words = [[], ["stop that"], [], []]
    made = run_of(tmp_path, Interrupted(), PROOF, DONE, hooks=hooks(told=lambda: words.pop(0)))
    assert made.until_end().status == "done"
    assert made.turns == 2
    assert any(one.content == "stop that" for one in made.messages)
