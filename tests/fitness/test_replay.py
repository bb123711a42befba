"""Replay and behaviour: what current's answers have, the candidate's must have too."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemon.broker.chunks import joined
from daemon.broker.masked import MASK, masked
from daemon.broker.recent import KEPT_A_SECOND_MAX, KEPT_MAX, LINE_BYTES_MAX, Recent
from fitness import answers
from fitness.answers import Said
from fitness.gates import behaviour, replay
from fitness.requests import Answer
from ops.masking import Mask
from tests.fitness.case import Repo
from tests.fitness.neighbour import Neighbours, neighbours
from tests.model_server import chunks, say

ASKED = {"messages": [{"role": "user", "content": "hello"}], "model": "m", "user": "me"}
REPLY = list(chunks(say("hi")))
SECRET = "hunter22xx"
NAMED = (
    "DB_PASSWORD=", "GITHUB_TOKEN=", "AWS_SECRET_ACCESS_KEY=", "OPENAI_API_KEY=", "DB_PASS: ",
    "client_secret: ", "access_token: ", "clientSecret = ", "privateKey => ", "--db-password ",
    "the password is ", "token ", "Authorization: Basic ",
)  # fmt: skip
GOOD = Said(200, "hi", [("look", "{}")], "stop", True, {"id": "str", "choices": [{"a": "number"}]})


def _kept(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnopqrstuvwxyz012345",
        "password: correct-horse",
        "Authorization: Bearer abcdef123456",
        "someone.else@example.org",
        "AKIAIOSFODNN7EXAMPLE",
        "0123456789abcdef0123456789abcdef",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
        *(f"{name}{SECRET}" for name in NAMED),
        f"postgres://me:{SECRET}@db/x",
    ],
)
def test_what_looks_like_a_secret_is_never_kept(tmp_path: Path, secret: str) -> None:
    """Neither of the request nor of the reply; the words around it are."""
    recent = Recent(tmp_path / "recent.jsonl")
    asked = {"messages": [{"role": "user", "content": f"my {secret} is here"}]}
    recent.add(asked, list(chunks(say(f"yours is {secret}, then"))))
    text = (tmp_path / "recent.jsonl").read_text()
    assert secret not in text
    assert SECRET not in text
    assert MASK in text
    assert "is here" in text
    assert (tmp_path / "recent.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("quote", ['"', "'", "`", '\\"'])
def test_a_secret_in_quotes_is_masked_and_they_stay(quote: str) -> None:
    """Also one with spaces, and one whose quotes are never closed."""
    for after in (f"{quote}, x", "\nx"):
        said = masked(f"{quote}access_token{quote}: {quote}hunter 22xx{after}")
        assert said == f"{quote}access_token{quote}: {quote}{MASK}{after}"


@pytest.mark.parametrize(
    "text",
    [
        "the token is valid",
        "the token expired yesterday, a password is required for secret meetings",
        "a basic understanding of api key management",
        "tokens are counted: 4, max_tokens: 128",
        "the keyboard = qwertyuiop, monkey: bananas",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    """Of what secrets are called people also speak."""
    assert masked(text) == text


def test_a_secret_that_comes_in_pieces_is_masked(tmp_path: Path) -> None:
    """Of a text, of reasoning and of a call's arguments, which stay JSON; others stay in pieces."""
    arguments = json.dumps({"line": f"export DB_PASSWORD={SECRET}", "api_key": SECRET, "n": 1})
    deltas: list[dict[str, Any]] = []
    for letter in f"DB_PASSWORD={SECRET} and known-value":
        deltas += [{"content": letter}, {"reasoning": letter}]
    for call in (0, 1):  # of a server that numbers all calls alike
        begun = {"index": 0, "id": f"c{call}", "function": {"name": "run", "arguments": ""}}
        rest = [{"index": 0, "function": {"arguments": letter}} for letter in arguments]
        deltas += [{"tool_calls": [piece]} for piece in [begun, *rest]]
    reply = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    recent = Recent(tmp_path / "recent.jsonl", known=Mask(["known-value"]).inside)
    recent.add({"messages": [{"role": "user", "content": "known-value"}]}, reply[:])
    (kept,) = _kept(tmp_path / "recent.jsonl")
    assert kept["ask"]["messages"][0]["content"] == "[secret]"
    message = joined(kept["reply"])["choices"][0]["message"]
    assert message["content"] == message["reasoning"] == f"DB_PASSWORD={MASK} and [secret]"
    for made in message["tool_calls"]:
        line = {"line": f"export DB_PASSWORD={MASK}", "api_key": MASK, "n": 1}
        assert json.loads(made["function"]["arguments"]) == line
    harmless = [{"choices": [{"index": 0, "delta": {"content": letter}}]} for letter in "hello"]
    recent.add(ASKED, harmless)
    assert _kept(tmp_path / "recent.jsonl")[-1]["reply"] == harmless


def test_what_is_nested_too_deeply_is_not_kept(tmp_path: Path) -> None:
    """It costs no answer."""
    deep: Any = "x"
    for _ in range(700):
        deep = [deep]
    Recent(tmp_path / "recent.jsonl").add({"messages": [{"role": "user", "content": deep}]}, REPLY)
    assert not (tmp_path / "recent.jsonl").exists()


@pytest.mark.parametrize(
    "unit", ["token", "_", "a_key", "-eyJ", "a.", "://", 'secret"', '\\"', "a-", "token is "]
)
def test_no_text_is_slow_to_mask(unit: str) -> None:
    """What grew with its square would take hours."""
    masked(unit * (2**20 // len(unit)))


def test_only_the_newest_and_short_ones_are_kept(tmp_path: Path) -> None:
    """Also over a restart; a long request is passed over, half a line read by nobody."""
    path = tmp_path / "recent.jsonl"
    for _ in range(2):
        recent = Recent(path, partial(next, itertools.count(0.0)))
        for number in range(3 * KEPT_MAX):
            words = [{"role": "user", "content": f"{number}: " + "word " * 1_000}]
            recent.add({"messages": words}, REPLY)
    recent.add({"messages": [{"role": "user", "content": "x" * LINE_BYTES_MAX}]}, REPLY)
    assert path.stat().st_size < 6 * KEPT_MAX * LINE_BYTES_MAX
    path.write_bytes(path.read_bytes() + b'{"ask": {"mess')
    found = replay.recent(path)
    assert len(found) == replay.REPLAYED_MAX
    assert found[0].ask["messages"][0]["content"].startswith(f"{3 * KEPT_MAX - 1}: ")
    assert set(found[0].ask) == {"messages"}


def test_of_a_flood_a_part_is_kept(tmp_path: Path) -> None:
    """The first of it, and some in each second that it lasts."""
    now = 100.0
    recent = Recent(tmp_path / "recent.jsonl", lambda: now)
    for _ in range(10 * KEPT_MAX):
        recent.add(ASKED, REPLY)
    kept = (tmp_path / "recent.jsonl").read_bytes().splitlines()[1:]
    assert len(kept) == KEPT_MAX
    now += KEPT_MAX / KEPT_A_SECOND_MAX
    recent.add(ASKED, REPLY)
    assert len((tmp_path / "recent.jsonl").read_bytes().splitlines()[1:]) == KEPT_MAX + 1


def test_a_disk_that_takes_nothing_costs_no_answer(tmp_path: Path) -> None:
    """What cannot be kept is lost, and that is all."""
    Recent(tmp_path / "no-such-folder" / "recent.jsonl").add(ASKED, REPLY)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (GOOD, None),
        (replace(GOOD, shape={"id": "str", "choices": [{"a": "number", "b": "str"}]}), None),
        (replace(GOOD, text="other words"), None),
        (replace(GOOD, status=500), "it answers 500 where current answers 200"),
        (replace(GOOD, status=0), "it answers nothing where current answers 200"),
        (replace(GOOD, ended=False), "its answer is cut off"),
        (replace(GOOD, calls=[]), "the model's tool calls are lost"),
        (replace(GOOD, text="", calls=[]), "its answer says nothing where current's does"),
        (replace(GOOD, shape={"choices": [{"a": "number"}]}), "the answer lacks id"),
        (replace(GOOD, shape={"id": "str", "choices": [{"a": "str"}]}), "a is of another type"),
    ],
)
def test_a_difference_is_told(new: Said, reason: str | None) -> None:
    """More than current's is no fault; less is."""
    assert replay.difference(GOOD, new) == reason
    assert replay.difference(replace(GOOD, status=502), new) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"choices": []}', b"\xff", b"[" * 9_000])
@pytest.mark.parametrize("kind", [answers.JSON_KIND, answers.STREAM_KIND, "text/html"])
def test_an_answer_that_is_none_is_read_as_nothing(body: bytes, kind: str) -> None:
    """Whatever a candidate sends, reading it breaks no gate."""
    said = answers.read(Answer(200, body, 0.1, kind))
    assert (said.text, said.calls, said.ended) == ("", [], False)


def _recorded(tmp_path: Path) -> Path:
    recent = Recent(tmp_path / "recent.jsonl")
    recent.add(ASKED, REPLY)
    return tmp_path / "recent.jsonl"


def test_recent_requests_are_asked_of_both(repo: Repo, tmp_path: Path) -> None:
    """Nothing recorded passes; alike passes; a candidate that fails does not."""
    nothing = replay.judge(repo.candidate({}, recent=str(tmp_path / "none")))
    assert (nothing.passed, nothing.reason) == (True, "nothing was asked of current yet")
    subject = repo.candidate({}, recent=str(_recorded(tmp_path)))
    for faults, passed in (({}, True), ({"status": 500}, False)):
        with neighbours({}, faults) as need:
            verdict = replay.judge(replace(subject, need=need))
        assert verdict.passed == passed, verdict
    assert verdict.reason == "request 1: it answers 500 where current answers 200"


def test_tasks_are_solved_as_well_as_by_current(repo: Repo) -> None:
    """A fault that both have is not the candidate's; no word of an answer is told."""

    def judged(need: Neighbours) -> str:
        verdict = behaviour.judge(replace(repo.candidate({}), need=need))
        assert verdict.passed, verdict
        return verdict.reason

    with neighbours({}, {}) as need:
        assert judged(need) == "solves 0/26 unseen tasks, current 0/26"
