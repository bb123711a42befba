"""The routes, the same program for both slots."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.orchestrator.api import Api
from daemon.orchestrator.bodies import Wrong, error
from daemon.orchestrator.endpoints import routes
from daemon.orchestrator.facts import Facts
from daemon.orchestrator.guard import Guard
from daemon.orchestrator.health import Health, machine_uptime
from daemon.orchestrator.hub import Hub
from daemon.orchestrator.models import Models
from daemon.orchestrator.page import Page
from daemon.orchestrator.terms import Terms
from daemon.orchestrator.tokens import Tokens
from daemon.orchestrator.tools import ToolHost
from daemon.orchestrator.uptime import in_words

SLOW_SECONDS = 5.0
log = structlog.get_logger()
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ASK_FOR_MODELS = ("/v1/models", "/chat")  # these wait for a model server's own list
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", POLICY),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass
class Parts:
    """What the program is made of; `close` when it ends."""

    health: Health
    terms: Terms
    models: Models
    facts: Facts
    hub: Hub

    @classmethod
    def of(cls, health: Health, terms: Terms) -> Parts:
        facts = Facts(terms.facts)
        return cls(health, terms, Models(terms.broker), facts, Hub(facts))

    def close(self) -> None:
        self.hub.close()
        self.models.close()


def make(parts: Parts) -> ASGIApp:
    health, facts = parts.health, parts.facts

    async def healthz(_: Request) -> Response:
        return JSONResponse(health.identity())

    async def readyz(_: Request) -> Response:
        return JSONResponse({"ready": True, "slot": health.slot})

    async def about(_: Request) -> Response:
        return PlainTextResponse("".join(f"{key}: {value}\n" for key, value in told(health)))

    async def metrics(_: Request) -> Response:
        from daemon.orchestrator.metrics import KIND, text

        now = None
        with suppress(Wrong):  # this process' own figures are told all the same
            now = await facts.ask("now")
        return Response(text(health, now), media_type=KIND)

    api = Api(facts, parts.hub, parts.models, ToolHost(facts), parts.terms, health.tag or "0")
    tokens = Tokens(facts)
    page = Page(health, facts, parts.models, tokens)
    plain = [*page.routes(), Route("/healthz", healthz), Route("/readyz", readyz)]
    plain += [Route("/about", about), Route("/metrics", metrics), *routes(api.table())]
    ends: dict[Any, Any] = {HTTPException: refused, Wrong: page.wrong, 500: broken}
    app = Starlette(routes=plain, exception_handlers=ends)
    return Counted(Guard(app, parts.terms, tokens), health)


def told(health: Health) -> list[tuple[str, str]]:
    """What `/about` tells, as name and value."""
    identity = health.identity()
    return [
        ("slot", health.slot),
        ("release", health.tag or "none"),
        ("commit", str(identity["commit"])),
        ("up", in_words(health.uptime)),
        ("machine up", in_words(machine_uptime())),
    ]


async def refused(_: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    names = {404: "not_found", 405: "method_not_allowed"}
    code = names.get(fault.status_code, "refused")
    answer = error(str(fault.detail), code, fault.status_code)
    answer.headers.update(fault.headers or {})  # a 405 says what is allowed
    return answer


async def broken(_: Request, fault: Exception) -> Response:
    log.error("request failed", error=f"{type(fault).__name__}: {fault}")
    return error("a bug; the log has the details", "internal_error", 500)


def _route(scope: Any) -> str:
    """The matched route, with names where the path has values."""
    path = str(scope["path"])
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(str(value), f"{{{name}}}") if value else path
    return f"GET {path}"


class Counted:
    """Counts every request, times its answer, and sets the headers that every answer has."""

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status, seconds = 500, None

        async def sent(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status = message["status"]
                # How long a stream goes on is the model's affair, when it begins is ours.
                seconds = time.monotonic() - began
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        self._health.in_flight += 1
        try:
            await self._app(scope, receive, sent)
        finally:
            self._health.in_flight -= 1
            self._finish(scope, status, time.monotonic() - began if seconds is None else seconds)

    def _finish(self, scope: Any, status: int, seconds: float) -> None:
        self._health.note(status, seconds)
        # What reads takes our time alone; what is posted, or asks for models, may wait for one.
        ours = scope["method"] == "GET" and not scope["path"].startswith(ASK_FOR_MODELS)
        if ours and "endpoint" in scope and status < 400:
            self._health.note_route(_route(scope), seconds)
        if status >= 500 or seconds > SLOW_SECONDS:
            log.warning("request", path=scope["path"], status=status, seconds=round(seconds, 3))
