"""The HTTP promises of org's orchestrator, as requests and what their answers must be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any

import httpx

from fitness.subject import Reply

Ask = Callable[..., Reply]
JSON = {"content-type": "application/json"}
DEEP = 5_000
CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Promise:
    """One request; `check` gives what is wrong with the answer, or None."""

    name: str
    method: str
    path: str
    judge: Callable[[Reply], str | None]
    body: bytes | None = None

    def check(self, ask: Ask) -> str | None:
        try:
            extra: dict[str, Any] = {"content": self.body, "headers": JSON} if self.body else {}
            return self.judge(ask(self.method, self.path, **extra))
        except httpx.HTTPError as error:
            return f"{self.method} {self.path} was not answered: {error}"


def status(*wanted: int) -> Callable[[Reply], str | None]:
    def check(reply: Reply) -> str | None:
        return None if reply.status in wanted else f"answered {reply.status}, not {wanted[0]}"

    return check


def shape(**kinds: tuple[type, ...]) -> Callable[[Reply], str | None]:
    """200 and a JSON object with these keys, each of exactly one of these types."""

    def check(reply: Reply) -> str | None:
        told = reply.json
        if reply.status != 200 or not isinstance(told, dict):
            return f"answered {reply.status} with {type(told).__name__}, not 200 with an object"
        if missing := [name for name in kinds if name not in told]:
            return f"lacks {', '.join(missing)}"
        # Exactly: True is an int to isinstance.
        odd = [name for name, allowed in kinds.items() if type(told[name]) not in allowed]
        return f"has another type than promised in {', '.join(odd)}" if odd else None

    return check


def error(*wanted: int) -> Callable[[Reply], str | None]:
    """An error in OpenAI's shape with one of these statuses."""

    def check(reply: Reply) -> str | None:
        if reply.status not in wanted:
            return f"answered {reply.status}, not {wanted[0]}"
        told = reply.json
        inner = told.get("error") if isinstance(told, dict) else None
        if not isinstance(inner, dict) or not isinstance(inner.get("message"), str):
            return f"its {reply.status} has no error object"
        return None

    return check


def models(reply: Reply) -> str | None:
    """A list of models, or a clear error when no model can be reached."""
    if reply.status >= 500:
        return error(502, 503, 504)(reply)
    told = reply.json
    if not isinstance(told, dict) or told.get("object") != "list":
        return "is no list object"
    rows = told.get("data")
    good = isinstance(rows, list) and all(isinstance(row, dict) and "id" in row for row in rows)
    return None if good else "has a model without an id"


def _chat(body: object) -> bytes:
    return json.dumps(body).encode()


PROMISES = (
    Promise(
        "health tells who serves",
        "GET",
        "/healthz",
        shape(
            status=(str,),
            slot=(str,),
            commit=(str,),
            tag=(str, NoneType),
            pid=(int,),
            uptime_s=(int, float),
        ),
    ),
    Promise("readiness is told", "GET", "/readyz", status(200)),
    Promise("the page is served", "GET", "/", status(200)),
    Promise("models are listed", "GET", "/v1/models", models),
    Promise("an unknown path is 404", "GET", "/v1/nothing", error(404)),
    Promise("a wrong method is 405", "GET", CHAT, error(405)),
    Promise("no JSON is 400", "POST", CHAT, error(400), b"{"),
    Promise("invalid UTF-8 is 400", "POST", CHAT, error(400), b'{"messages": "\xff"}'),
    Promise("an array is 400", "POST", CHAT, error(400), b"[1]"),
    Promise("a bare text is 400", "POST", CHAT, error(400), b'"hello"'),
    Promise("null is 400", "POST", CHAT, error(400), b"null"),
    Promise("NaN is 400", "POST", CHAT, error(400), b'{"messages": [], "temperature": NaN}'),
    Promise("no messages is 400", "POST", CHAT, error(400), _chat({"model": "m"})),
    Promise("messages of a wrong type is 400", "POST", CHAT, error(400), _chat({"messages": 3})),
    Promise("a message of a wrong type is 400", "POST", CHAT, error(400), _chat({"messages": [3]})),
    Promise(
        "a model of a wrong type is 400",
        "POST",
        CHAT,
        error(400),
        _chat({"model": {}, "messages": [{"role": "user", "content": "x"}]}),
    ),
    Promise(
        "an unknown role is 400",
        "POST",
        CHAT,
        error(400),
        _chat({"messages": [{"role": "king", "content": "x"}]}),
    ),
    Promise(
        "a wrong stream flag is 400",
        "POST",
        CHAT,
        error(400),
        _chat({"messages": [{"role": "user", "content": "x"}], "stream": "yes"}),
    ),
    Promise(
        "deep nesting is 400", "POST", CHAT, error(400), b'{"messages":' + b"[" * DEEP + b"]" * DEEP
    ),
    Promise("it lives after all that", "GET", "/healthz", status(200)),
)
