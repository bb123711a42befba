"""`/api/…`: what the instance does, as JSON and as events; and the few acts, for those who may."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from daemon.orchestrator import embeddings
from daemon.orchestrator.bodies import (
    INPUTS_MAX,
    KINDS,
    ROLES,
    Wrong,
    check_completion,
    check_embeddings,
    read_json,
)
from daemon.orchestrator.endpoints import NAME, Endpoint, Param, Schema, document
from daemon.orchestrator.ensemble import AGENT, Ensemble, is_own
from daemon.orchestrator.facts import ACT_SECONDS, Facts
from daemon.orchestrator.hub import Filter, Hub
from daemon.orchestrator.models import Models
from daemon.orchestrator.terms import Terms
from daemon.orchestrator.tools import KEY, ToolHost
from daemon.orchestrator.turns import Chunk, Turns, begun, streamed, whole
from ops import logs
from ops.leaving import unless_left

EVENT_STREAM = "text/event-stream"
STATES = ("drafting", "drafted", "built", "serving", "judged", "promoted", "rejected", "abandoned")
ACTS = (
    "promote", "approve", "reject", "rollback", "freeze", "unfreeze", "evolve", "goal.add",
    "goal.remove",
)  # fmt: skip
CREATED_UNKNOWN = 0  # OpenAI's clients expect a time, and no server of models tells one
CANDIDATE = Param("candidate", "a candidate's id", where="path", pattern=NAME)
MODEL = Param(
    "model", "its id, which may hold / and :", where="path", pattern=r"^[^\x00-\x20\x7f]+$"
)
IDEMPOTENCY = Param(
    KEY, "the same one again gets the first answer", where="header", pattern=r"^[\x21-\x7e]{1,200}$"
)
EVENT_NUMBER_MAX = 2**53
TEXT = {"type": "string"}
JSON_KINDS = {
    "a text": "string", "true or false": "boolean", "an object": "object", "a list": "array",
    "a whole number": "integer", "a number": "number",
}  # fmt: skip


def listing(name: str, **row: Schema) -> Schema:
    """An object with one list of objects in it."""
    rows = {"type": "array", "items": {"type": "object", "properties": row}}
    return {"type": "object", "required": [name], "properties": {name: rows}}


async def answered(request: Request, streams: bool, chunks: AsyncIterator[Chunk]) -> Response:
    """Whole or as a stream; nobody goes on when the one who asked has left. Raises Wrong."""
    if not streams:
        return JSONResponse(await unless_left(request, whole(chunks)))
    first = await unless_left(request, begun(chunks))
    return StreamingResponse(streamed(first), media_type=EVENT_STREAM)


def _chat() -> Schema:
    """What may be asked of a model, as it is checked."""
    part: Schema = {"type": "object"}
    content: Schema = {"type": ["string", "array", "null"], "items": part}
    message: Schema = {
        "type": "object",
        "required": ["role"],
        "properties": {"role": {"enum": sorted(ROLES)}, "content": content},
    }
    told: Schema = {name: {"type": [JSON_KINDS[said], "null"]} for name, (_, said) in KINDS.items()}
    told["tools"] = {"type": ["array", "null"], "items": part}
    told["messages"] = {"type": "array", "minItems": 1, "items": message}
    return {"type": "object", "required": ["messages"], "properties": told}


@dataclass(frozen=True)
class Api:
    facts: Facts
    hub: Hub
    models: Models
    tools: ToolHost
    terms: Terms
    version: str

    @property
    def ensemble(self) -> Ensemble:
        return Ensemble(self.models, self.facts)

    async def now(self, _: Request, __: dict[str, Any]) -> Response:
        return JSONResponse(await self.facts.ask("now"))

    async def looked(self, request: Request, asked: dict[str, Any]) -> Response:
        """What is asked of the supervisor as it is: the last word of the path says what."""
        verb = request.url.path.rstrip("/").rsplit("/", 1)[-1]
        return JSONResponse(await self.facts.ask(verb, asked))

    async def show(self, _: Request, asked: dict[str, Any]) -> Response:
        return JSONResponse(await self.facts.ask("show", asked))

    async def transcript(self, _: Request, asked: dict[str, Any]) -> Response:
        found = await self.facts.ask("events", asked | {"limit": 1000})
        said = [one for one in found["events"] if str(one["kind"]).startswith("author.")]
        return JSONResponse({"events": said})

    async def log(self, _: Request, asked: dict[str, Any]) -> Response:
        return JSONResponse(await self.facts.ask("log", asked))

    async def usage(self, _: Request, __: dict[str, Any]) -> Response:
        states = (await self.facts.ask("states"))["states"]
        promoted = [one for one in states if one["state"] == "promoted"]
        days: dict[str, int] = {}
        for one in states:
            days[one["id"][:8]] = days.get(one["id"][:8], 0) + one["tokens"]
        total = sum(days.values())
        return JSONResponse(
            {
                "tokens": total,
                "tokens_per_promotion": round(total / len(promoted)) if promoted else None,
                "days": [{"day": day, "tokens": spent} for day, spent in sorted(days.items())],
            }
        )

    async def events(self, request: Request, asked: dict[str, Any]) -> Response:
        """As a stream for those who accept one; else a page of them."""
        if EVENT_STREAM not in request.headers.get("accept", ""):
            return JSONResponse(await self.facts.ask("events", asked))
        if not self.facts.there:
            raise Wrong("this process is not told what the instance does", "unavailable", 503)
        if not self.hub.room():
            raise Wrong("too many are listening already", "too_many_listeners", 503)
        last = request.headers.get("last-event-id", "")
        after = int(last) if re.fullmatch(r"[0-9]{1,15}", last) else asked.get("after")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        wanted = Filter(asked.get("kind"), asked.get("candidate"))
        return StreamingResponse(self.hub.stream(after, wanted), 200, headers, EVENT_STREAM)

    async def act(self, request: Request, asked: dict[str, Any]) -> Response:
        body = await read_json(request)
        odd = [key for key, value in body.items() if not isinstance(value, str)]
        if odd:
            raise Wrong(f"{odd[0][:40]} must be a text", "invalid_type", param=odd[0][:40])
        secret = request.scope["caller"].secret
        return JSONResponse(await self.facts.ask(asked["act"], body, secret, ACT_SECONDS))

    async def openapi(self, _: Request, __: dict[str, Any]) -> Response:
        return JSONResponse(document(self.table(), self.version))

    async def list_models(self, _: Request, __: dict[str, Any]) -> Response:
        status, body = await self._models()
        return JSONResponse(body, status_code=status)

    async def show_model(self, _: Request, asked: dict[str, Any]) -> Response:
        status, body = await self._models()
        if status != 200:
            return JSONResponse(body, status_code=status)
        found = next((one for one in body["data"] if one["id"] == asked["model"]), None)
        if found is None:
            said = f"there is no model {asked['model']}"
            raise Wrong(said, "model_not_found", 404, "model")
        return JSONResponse(found)

    async def _models(self) -> tuple[int, dict[str, Any]]:
        """Status and body of the list: the broker's, the one that embeds, and the teams."""
        status, body = await self.models.names()
        if status == 200 and isinstance(body.get("data"), list):
            ids = [embeddings.NAME, *await self.ensemble.names()]
            own = [{"id": name, "object": "model", "owned_by": "org"} for name in ids]
            rows = [{"created": CREATED_UNKNOWN} | one for one in (*body["data"], *own)]
            body = body | {"data": rows}
        return status, body

    async def complete(self, request: Request, _: dict[str, Any]) -> Response:
        """With the tools run here, where the setting says so and the caller's token may."""
        body = check_completion(await read_json(request))
        if is_own(body):
            return await self._as_team(request, body)
        if self.terms.tools != "server" or "tools" not in request.scope["caller"].scopes:
            return await self.models.complete(request, body)
        chunks = Turns(self.models, self.tools).chunks(request, body)
        return await answered(request, bool(body.get("stream")), chunks)

    async def _as_team(self, request: Request, body: dict[str, Any]) -> Response:
        if body["model"].startswith(AGENT):
            asked = await self.ensemble.seat(body)
            return await self.models.complete(request, asked | {"stream": bool(body.get("stream"))})
        return await answered(request, bool(body.get("stream")), self.ensemble.chunks(body))

    async def embed(self, request: Request, _: dict[str, Any]) -> Response:
        body = check_embeddings(await read_json(request))
        return JSONResponse(await embeddings.embedded(body))

    def table(self) -> tuple[Endpoint, ...]:
        """Everything that is offered, in the order of the document."""
        return (*self._openai(), *self._told(), *self._acts())

    def _openai(self) -> tuple[Endpoint, ...]:
        anything: Schema = {"type": "object"}
        upstream = (404, 409, 502, 503, 504)
        chat = _chat()
        words: Schema = {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "minItems": 1, "maxItems": INPUTS_MAX, "items": TEXT},
            ]
        }
        wants = {
            "type": "object",
            "required": ["input"],
            "properties": {"input": words, "model": TEXT},
        }
        tool = {
            "type": "object",
            "required": ["tool"],
            "properties": {
                "tool": TEXT, "arguments": anything, "workspace": TEXT,
                "seconds": {"type": "number", "exclusiveMinimum": 0},
            },
        }  # fmt: skip
        get, post = "GET", "POST"
        return (
            Endpoint(get, "/v1/models", "chat", "The models on offer", self.list_models,
                     answer=listing("data", id=TEXT, created={"type": "integer"}),
                     refusals=upstream),
            Endpoint(get, "/v1/models/{model:path}", "chat", "One model on offer",
                     self.show_model, (MODEL,), refusals=upstream),
            Endpoint(post, "/v1/chat/completions", "chat", "One completion, streamed or whole",
                     self.complete, body=chat, kinds=("application/json", EVENT_STREAM),
                     refusals=upstream),
            Endpoint(post, "/v1/embeddings", "chat", "Texts as vectors, by the packaged model",
                     self.embed, body=wants, refusals=(404,)),
            Endpoint(get, "/v1/tools", "tools", "The tools on offer", self.tools.list,
                     answer=listing("tools")),
            Endpoint(post, "/v1/tools/execute", "tools", "Run one tool in a workspace",
                     self.tools.execute, (IDEMPOTENCY,), body=tool, refusals=(404, 409, 422)),
        )  # fmt: skip

    def _told(self) -> tuple[Endpoint, ...]:
        limit = Param("limit", "how many at most", "integer", least=1)
        get = "GET"
        return (
            Endpoint(get, "/api/now", "read", "What runs where, and what is under way", self.now),
            Endpoint(get, "/api/goals", "read", "The goals", self.looked, answer=listing("goals")),
            Endpoint(get, "/api/candidates", "read", "The archive, newest first", self.looked,
                     (limit, Param("before", "from before this id", pattern=NAME),
                      Param("state", "only those in this state", choices=STATES),
                      Param("text", "looked for in id and goal")),
                     answer=listing("candidates", candidate=TEXT, state=TEXT)),
            Endpoint(get, "/api/candidates/{candidate}", "read", "One candidate and its scorecard",
                     self.show, (CANDIDATE,)),
            Endpoint(get, "/api/candidates/{candidate}/diff", "read", "What it changes",
                     self.looked, (CANDIDATE,)),
            Endpoint(get, "/api/candidates/{candidate}/transcript", "read", "What its author did",
                     self.transcript, (CANDIDATE,), answer=listing("events")),
            Endpoint(get, "/api/candidates/{candidate}/evidence", "read", "One file of evidence",
                     self.looked, (CANDIDATE, Param("path", "as listed with the candidate"))),
            Endpoint(get, "/api/releases", "read", "What was promoted and taken back", self.looked,
                     answer=listing("releases", tag={"type": ["string", "null"]})),
            Endpoint(get, "/api/promotions", "read", "Every change of what serves", self.looked,
                     answer=listing("promotions")),
            Endpoint(get, "/api/gates", "read", "Every gate's word on every candidate",
                     self.looked, (Param("limit", "how many at most", "integer",
                                         least=1, most=5000),), answer=listing("gates")),
            Endpoint(get, "/api/measures", "read", "Each release against the one before",
                     self.looked, answer=listing("measures", release=TEXT)),
            Endpoint(get, "/api/usage", "read", "Tokens by day and by promotion", self.usage),
            Endpoint(get, "/api/spent", "read", "What today and the newest candidates cost",
                     self.looked),
            Endpoint(get, "/api/events", "read", "What happened; a stream where one is accepted",
                     self.events,
                     (Param("limit", "how many at most; a stream has no end", "integer",
                            least=1, most=1000),
                      Param("after", "from after this event", "integer", most=EVENT_NUMBER_MAX),
                      Param("kind", "only of this kind", pattern=r"^[a-z.]{1,40}$"),
                      Param("candidate", "only of this candidate", pattern=NAME)),
                     kinds=("application/json", EVENT_STREAM), answer=listing("events")),
            Endpoint(get, "/api/logs/{name}", "read", "The end of a log", self.log,
                     (Param("name", "which log", where="path", choices=logs.NAMES),)),
            Endpoint(get, "/api/openapi.json", "read", "This document", self.openapi),
        )  # fmt: skip

    def _acts(self) -> tuple[Endpoint, ...]:
        words = {
            "type": "object",
            "properties": dict.fromkeys(("candidate", "reason", "to", "goal", "text", "id"), TEXT),
        }
        return (
            Endpoint("POST", "/api/acts/{act}", "act", "Change what serves, or what is wanted",
                     self.act, (Param("act", "what to do", where="path", choices=ACTS),),
                     body=words, refusals=(409,)),
        )  # fmt: skip
