"""Chats whose tools org runs itself: ask, run what was called in a cell, ask again, stream it all.

Only for callers whose token may run tools; calls of tools that the client brought go back to it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from daemon.core.pieces import Calls
from daemon.orchestrator.bodies import Wrong
from daemon.orchestrator.broker import Broken, Reply
from daemon.orchestrator.models import Models, refusal
from daemon.orchestrator.tools import ToolHost, schemas

ROUNDS_MAX = 12
CALLS_A_ROUND_MAX = 16
EVENT_BYTES_MAX = 16 * 2**20
Body = dict[str, Any]
Chunk = dict[str, Any]


@dataclass
class Round:
    """What one reply of the model came to."""

    head: Chunk = field(default_factory=dict)
    content: str = ""
    calls: Calls = field(default_factory=Calls)
    finish: str = "stop"
    usage: Mapping[str, Any] = field(default_factory=dict)

    def saw(self, chunk: Chunk) -> str:
        """Takes it in; gives the text that may be passed on at once."""
        self.head = self.head or {key: chunk.get(key) for key in ("id", "created", "model")}
        self.usage = chunk.get("usage") or self.usage
        text = ""
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            text += delta.get("content") or ""
            for piece in delta.get("tool_calls") or ():
                self.calls.add(piece)
            self.finish = choice.get("finish_reason") or self.finish
        self.content += text
        return text

    def written(
        self, declared: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Calls that stand in its text alone, as coder models write them; they have no id."""
        from daemon.agent.messages import Call
        from daemon.agent.providers import Reply as Said
        from daemon.agent.reading import read

        made = tuple(Call(id=one["id"], **one["function"]) for one in declared)
        said = Said(self.content, made, model=str(self.head.get("model") or ""))
        return [call.wire() for call in read(said, tools, False).calls[len(made) :]]

    def add_to(self, spent: dict[str, int]) -> None:
        for key in spent:
            spent[key] += int(self.usage.get(key) or 0)


@dataclass(frozen=True)
class Turns:
    models: Models
    tools: ToolHost

    async def chunks(self, request: Request, body: Body) -> AsyncIterator[Chunk]:
        """The chunks of one long answer; the last one has the usage of all rounds. Raises Wrong."""
        own = schemas()
        names = {one["function"]["name"] for one in own}
        brought = list(body.get("tools") or ())
        wanted = body | {"tools": [*brought, *own], "stream": True}
        messages, spent = list(body["messages"]), {"prompt_tokens": 0, "completion_tokens": 0}
        for _ in range(ROUNDS_MAX):
            said = Round()
            async for chunk in asked(self.models, wanted | {"messages": messages}):
                if text := said.saw(chunk):
                    yield chunk_of(said.head, {"content": text})
            said.add_to(spent)
            declared = said.calls.whole()[:CALLS_A_ROUND_MAX]
            calls = declared
            if wanted.get("tool_choice") != "none":
                written = said.written(declared, own if declared else [*brought, *own])
                calls = [*declared, *written][:CALLS_A_ROUND_MAX]
            if not calls or any(call["function"]["name"] not in names for call in calls):
                # The client hears of its own alone: it could not answer the others.
                theirs = [call for call in declared if call["function"]["name"] not in names]
                if theirs:
                    listed = [call | {"index": at} for at, call in enumerate(theirs)]
                    yield chunk_of(said.head, {"tool_calls": listed})
                yield last(said.head, said.finish, spent)
                return
            made = {"tool_calls": declared} if declared else {}
            messages.append({"role": "assistant", "content": said.content, **made})
            for call in calls:
                messages.append(_answer(call, await self._run(request, call)))
            if wanted.get("tool_choice") not in (None, "auto"):
                wanted["tool_choice"] = "auto"  # the call that was forced has been made
        yield last(said.head, "length", spent)

    async def _run(self, request: Request, call: Mapping[str, Any]) -> str:
        """What the model is told; a call that makes no sense is an answer too."""
        function = call["function"]
        try:
            arguments = json.loads(function["arguments"] or "{}")
        except ValueError:
            return "error: the arguments are not valid JSON"
        secret = request.scope["caller"].secret
        body = {"tool": function["name"], "arguments": arguments, "workspace": "chat"}
        try:
            return str((await self.tools.run(secret, body, None, request))["text"])
        except Wrong as wrong:
            return f"error: {wrong.said}"


def _answer(call: Mapping[str, Any], text: str) -> Body:
    """A call that has no id is answered in words."""
    if call["id"]:
        return {"role": "tool", "tool_call_id": call["id"], "content": text}
    return {"role": "user", "content": f"[{call['function']['name']}]\n{text}"}


async def asked(models: Models, body: Body) -> AsyncIterator[Chunk]:
    """The chunks of one reply of the broker. Raises Wrong."""
    reply = await models.ask(body)
    try:
        if reply.status != 200:
            raise refusal(json.loads(await reply.body())["error"], reply)
        async for chunk in _events(reply):
            if chunk.get("error"):
                fault = chunk["error"]
                raise Wrong(str(fault["message"]), str(fault["code"]), 502)
            yield chunk
    except (Broken, ValueError, LookupError, TypeError) as error:
        raise Wrong("the broker broke off", "model_cut", 502) from error
    finally:
        reply.close()


async def begun(chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
    """The same, whose first one is there and says whose words these are. Raises Wrong."""
    first = await anext(chunks, None)

    async def all_of_them() -> AsyncIterator[Chunk]:
        if first is None:
            return
        for choice in first.get("choices") or ():
            choice["delta"] = {"role": "assistant"} | (choice.get("delta") or {})
        yield first
        async for chunk in chunks:
            yield chunk

    return all_of_them()


async def streamed(chunks: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
    """As server-sent events; a fault half-way is told in the stream."""
    try:
        async for chunk in chunks:
            yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
    except Wrong as wrong:
        fault = {"message": wrong.said, "type": "server_error", "code": wrong.code, "param": None}
        yield b"data: " + json.dumps({"error": fault}).encode() + b"\n\n"
        return
    yield b"data: [DONE]\n\n"


async def whole(chunks: AsyncIterator[Chunk]) -> Body:
    """The same as one answer. Raises Wrong."""
    said = Round()
    async for chunk in chunks:
        said.saw(chunk)
    message: Body = {"role": "assistant", "content": said.content}
    if said.calls:
        message["tool_calls"] = said.calls.whole()
    choice = {"index": 0, "message": message, "finish_reason": said.finish}
    return {**said.head, "object": "chat.completion", "choices": [choice], "usage": said.usage}


async def _events(reply: Reply) -> AsyncIterator[Chunk]:
    rest = b""
    async for piece in reply.pieces():
        *events, rest = (rest + piece).split(b"\n\n")
        if len(rest) > EVENT_BYTES_MAX:
            raise Broken("its stream makes no sense")
        for event in events:
            data = event.strip().removeprefix(b"data:").strip()
            if data.startswith(b"{"):
                yield json.loads(data)


def chunk_of(head: Chunk, delta: Body, finish: str | None = None) -> Chunk:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**head, "object": "chat.completion.chunk", "choices": [choice]}


def last(head: Chunk, finish: str | None, spent: Mapping[str, int]) -> Chunk:
    """The one with the usage; no `finish`: what came before has said it."""
    usage = {"usage": {**spent, "total_tokens": sum(spent.values())}}
    return (chunk_of(head, {}, finish) if finish else chunk_of(head, {}) | {"choices": []}) | usage
