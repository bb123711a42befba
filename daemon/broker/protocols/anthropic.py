"""Anthropic's protocol: blocks for text, thoughts, calls and results; the system prompt apart."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.broker.chunks import COMMENTS, DATA, finish
from daemon.broker.faults import Fault
from daemon.broker.protocols.pieces import (
    Chunk,
    arguments_of,
    call_piece,
    counted,
    delta,
    encoded,
    ended,
    head,
    images_of,
    object_of,
    text_of,
)
from daemon.broker.refusals import told

VERSION = "2023-06-01"
REPLY_TOKENS = 8192  # the protocol wants a limit; this one is used when the caller names none
REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
CACHED = {"cache_control": {"type": "ephemeral"}}
IN_JSON = "Answer with one JSON value and nothing else."


class Anthropic:
    listing = "/models"
    sizes = False

    def url(self, base: str, path: str) -> str:
        base = base.rstrip("/")
        return f"{base}{path}" if base.endswith("/v1") else f"{base}/v1{path}"

    def headers(self, key: str | None) -> dict[str, str]:
        return {"anthropic-version": VERSION} | ({"x-api-key": key} if key else {})

    def request(self, body: Mapping[str, Any], context_tokens: int) -> tuple[str, dict[str, Any]]:
        """What comes again in every step of a run is marked for the server's cache."""
        messages = body.get("messages") or ()
        asked: dict[str, Any] = {
            "model": body.get("model"),
            "max_tokens": body.get("max_completion_tokens")
            or body.get("max_tokens")
            or REPLY_TOKENS,
            "stream": True,
            "messages": _turns([one for one in messages if not _is_system(one)]),
        }
        system = _system(messages, body.get("response_format"))
        if system:
            asked["system"] = [{"type": "text", "text": system, **CACHED}]
        asked |= {key: body[key] for key in ("temperature", "top_p") if body.get(key) is not None}
        if body.get("stop"):
            stop = body["stop"]
            asked["stop_sequences"] = [stop] if isinstance(stop, str) else stop
        if body.get("tools"):
            asked["tools"] = [_tool(tool) for tool in body["tools"]]
            choice = _choice(body.get("tool_choice"), body.get("parallel_tool_calls"))
            asked |= {"tool_choice": choice} if choice else {}
        return "/messages", asked

    async def chunks(self, lines: AsyncIterator[bytes]) -> AsyncGenerator[Chunk, None]:
        reading = _Reading()
        async for line in lines:
            if not line.startswith(DATA):
                if line.strip() and not line.startswith(COMMENTS):
                    raise Fault("model_rubbish", "the model server did not answer with a stream")
                continue
            event = object_of(line.removeprefix(DATA).strip())
            for chunk in reading.read(event):
                yield chunk
            if event.get("type") == "message_stop":
                await finish(lines)
                return
        raise Fault("model_cut", "the model's stream ended before it was done")

    def names(self, listed: Any) -> list[str]:
        return [str(row["id"]) for row in listed["data"]]

    def context(self, listed: Any, model: str) -> int | None:
        rows = [row for row in listed["data"] if row.get("id") == model]
        found = rows[0].get("max_input_tokens") if rows else None
        return int(found) if isinstance(found, int) else None

    def details(self, model: str) -> list[tuple[str, str, dict[str, Any] | None]]:
        return []


@dataclass
class _Reading:
    """A stream while it is read."""

    start: Chunk = field(default_factory=lambda: head("", ""))
    calls: dict[int, int] = field(default_factory=dict)  # a block's index, its call's
    fresh: set[int] = field(default_factory=set)  # calls that have no arguments yet
    usage: dict[str, int] = field(default_factory=dict)

    def read(self, event: dict[str, Any]) -> list[Chunk]:
        """What one event means; kinds that are not known mean nothing."""
        kind = event.get("type")
        try:
            if kind == "error":
                raise told(event.get("error"))
            if kind == "message_start":
                message = event["message"]
                self.start = head(str(message["id"]), str(message["model"]))
                self._count(message.get("usage"))
                return [delta(self.start, role="assistant", content="")]
            if kind == "content_block_start":
                return self._begin(int(event["index"]), event["content_block"])
            if kind == "content_block_delta":
                return self._go_on(int(event["index"]), event["delta"])
            if kind == "content_block_stop":
                return self._stop(int(event["index"]))
            if kind == "message_delta":
                self._count(event.get("usage"))
                return self._end(event["delta"].get("stop_reason"))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            text = f"the model server sent a {kind} that makes no sense"
            raise Fault("model_rubbish", text) from error
        return []

    def _count(self, usage: Any) -> None:
        for key, value in (usage or {}).items():
            if isinstance(value, int) and not isinstance(value, bool):
                self.usage[key] = value

    def _begin(self, index: int, block: dict[str, Any]) -> list[Chunk]:
        if block["type"] == "text" and block.get("text"):
            return [delta(self.start, content=str(block["text"]))]
        if block["type"] == "thinking" and block.get("thinking"):
            return [delta(self.start, reasoning_content=str(block["thinking"]))]
        if block["type"] != "tool_use":
            return []
        number = self.calls[index] = len(self.calls)
        whole = json.dumps(block["input"]) if block.get("input") else ""
        if not whole:
            self.fresh.add(index)
        begun = call_piece(number, id=str(block["id"]), name=str(block["name"]), arguments=whole)
        return [delta(self.start, tool_calls=[begun])]

    def _go_on(self, index: int, piece: dict[str, Any]) -> list[Chunk]:
        kind = piece["type"]
        if kind == "text_delta":
            return [delta(self.start, content=str(piece["text"]))]
        if kind == "thinking_delta":
            return [delta(self.start, reasoning_content=str(piece["thinking"]))]
        if kind == "input_json_delta" and index in self.calls and piece["partial_json"]:
            self.fresh.discard(index)
            text = str(piece["partial_json"])
            return [delta(self.start, tool_calls=[call_piece(self.calls[index], arguments=text)])]
        return []

    def _stop(self, index: int) -> list[Chunk]:
        """A call without arguments is told as one with none."""
        if index not in self.fresh:
            return []
        self.fresh.discard(index)
        return [delta(self.start, tool_calls=[call_piece(self.calls[index], arguments="{}")])]

    def _end(self, reason: Any) -> list[Chunk]:
        cached = self.usage.get("cache_read_input_tokens", 0)
        made = self.usage.get("cache_creation_input_tokens", 0)
        asked = self.usage.get("input_tokens", 0) + cached + made
        said = self.usage.get("output_tokens", 0)
        told_chunks = [ended(self.start, REASONS.get(str(reason), "stop"))] if reason else []
        return [*told_chunks, counted(self.start, asked, said, cached)]


def _is_system(message: Mapping[str, Any]) -> bool:
    return message.get("role") in ("system", "developer")


def _system(messages: Any, wanted: Any) -> str:
    texts = [text_of(one.get("content")) for one in messages if _is_system(one)]
    if isinstance(wanted, dict) and wanted.get("type") not in (None, "text"):
        schema = (wanted.get("json_schema") or {}).get("schema")
        texts.append(f"{IN_JSON} Its schema: {json.dumps(schema)}" if schema else IN_JSON)
    return "\n\n".join(text for text in texts if text)


def _turns(messages: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Neighbours of one role become one turn; the last block is where the cache ends."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.get("role") == "assistant" else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if turns and turns[-1]["role"] == "user":
        turns[-1]["content"][-1] = {**turns[-1]["content"][-1], **CACHED}
    return turns


def _blocks(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    text = text_of(content)
    if message.get("role") == "tool":
        identity = str(message.get("tool_call_id") or "")
        return [{"type": "tool_result", "tool_use_id": identity, "content": text or "(nothing)"}]
    blocks: list[dict[str, Any]] = [_image(one) for one in images_of(content)]
    if text.strip():
        blocks.append({"type": "text", "text": text})
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        used = {"type": "tool_use", "id": call.get("id"), "name": function.get("name")}
        blocks.append({**used, "input": arguments_of(function)})
    return blocks


def _image(address: str) -> dict[str, Any]:
    data = encoded(address)
    if data is None:
        return {"type": "image", "source": {"type": "url", "url": address}}
    source = {"type": "base64", "media_type": data[0], "data": data[1]}
    return {"type": "image", "source": source}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool.get("function") or {}
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    described = {"description": function["description"]} if function.get("description") else {}
    return {"name": function.get("name"), **described, "input_schema": schema}


def _choice(choice: Any, parallel: Any) -> dict[str, Any]:
    kinds = {"auto": "auto", "required": "any", "none": "none"}
    made: dict[str, Any] = {}
    if isinstance(choice, str) and choice in kinds:
        made = {"type": kinds[choice]}
    elif isinstance(choice, dict):
        made = {"type": "tool", "name": (choice.get("function") or {}).get("name")}
    if parallel is False and made.get("type") != "none":
        made = (made or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    return made
