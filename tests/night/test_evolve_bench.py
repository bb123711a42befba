"""The benchmark of evolution tells the truth of every contestant, on the goals that ship."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.bench import evolve
from tests.bench.evolving import goal as goals
from tests.bench.evolving import peers
from tests.model_server import chunks, say
from tests.serving import Handler, serving

ANSWERS = Path(__file__).parent / "answers"
LEAP = (ANSWERS / "leap_year.py").read_text()
# Right for the visible tests, wrong for the hidden ones.
CHEAT = LEAP.replace("(year % 100 != 0 or year % 400 == 0)", "year != 1900")


@contextmanager
def model(reply: Callable[[], str]) -> Iterator[str]:
    """Answers every completion with one fenced file, streamed or whole; gives its URL."""

    class Model(Handler):
        def do_GET(self) -> None:
            self.send(200, json.dumps({"data": [{"id": "scripted"}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            text = f"```python\n{reply()}```"
            if body.get("stream"):
                said = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks(say(text))]
                whole = "".join(said) + "data: [DONE]\n\n"
                self.send(200, whole.encode(), "text/event-stream")
                return
            message = {"role": "assistant", "content": text}
            usage = {"prompt_tokens": 90, "completion_tokens": 30, "total_tokens": 120}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            head = {"id": "c", "object": "chat.completion", "created": 0, "model": "scripted"}
            whole = {**head, "choices": [choice], "usage": usage}
            self.send(200, json.dumps(whole).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    with serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


def compared(tmp_path: Path, capsys: pytest.CaptureFixture[str], **more: Any) -> dict[str, Any]:
    """The benchmark's last line, for the one goal about leap years."""
    only = tmp_path / "goals"
    only.mkdir()
    (only / "leap_year").symlink_to(evolve.GOALS / "leap_year")
    replies = iter([CHEAT, *[LEAP] * 100])
    asked = {"name": None, "calls": 3, "protocol": "rewrite", "only": None, "peers": None}
    with model(lambda: next(replies)) as url:
        evolve.compare(Namespace(**(asked | more)), goals.goals_in(only), url)
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("goal", goals.goals_in(evolve.GOALS), ids=lambda one: one.folder.name)
@pytest.mark.peer
def test_no_shipped_goal_is_reached_already(goal: goals.Goal) -> None:
    """And each has its one file, a goal in words, and visible tests that can be run."""
    assert not goals.judge(goal, goal.repo).reached
    assert (goal.repo / goal.module).is_file()
    assert goal.text.splitlines()[0]


@pytest.mark.parametrize("goal", goals.goals_in(evolve.GOALS), ids=lambda one: one.folder.name)
@pytest.mark.peer
def test_every_shipped_goal_can_be_reached(goal: goals.Goal, tmp_path: Path) -> None:
    """A right answer passes the visible and the hidden tests: nobody is sent after a wrong one."""
    answer = (ANSWERS / f"{goal.folder.name}.py").read_text()
    assert goals.judge(goal, goals.with_module(goal, answer, tmp_path / "tree")).reached


@pytest.mark.journey
def test_org_takes_the_second_try_and_lets_the_cheat_pass_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first reply passes the visible tests alone, and is reviewed: that call brings no text."""
    figures = compared(tmp_path, capsys)["figures"]
    told = {name: figures[name]["value"] for name in figures if name != "wall_s"}
    assert told == {
        "accepted": 1,
        "false_accepts": 0,
        "tokens": 360,
        "tokens_per_accepted": 360.0,
        "calls_wasted": 1,
        "calls": 3,
        "goals": 1,
    }


@pytest.mark.peer
@pytest.mark.parametrize("peer", list(peers.PACKAGES))
def test_a_peer_runs_on_the_same_terms(
    peer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It asks the same model, at most as often, and its best program is checked alike."""
    found = compared(tmp_path, capsys, only=peer, peers=[peer])["peers"][peer]
    assert (found["accepted"], found["false_accepts"]) == (1, 0)
    assert 2 <= found["calls"] <= 3
    assert found["tokens"] == 120 * found["calls"]


@pytest.mark.peer
def test_a_peer_that_cannot_be_installed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are compared all the same."""
    for name in ("XDG_CACHE_HOME", "UV_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    told = compared(tmp_path, capsys, peers=["openevolve"])
    assert "openevolve==0.4.0 could not be installed" in told["peers"]["openevolve"]["absent"]
    assert told["figures"]["accepted"]["value"] == 1
