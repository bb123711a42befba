"""A model's stream, read chunk by chunk: bounded, checked, joined where it must be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError

from daemon.broker.faults import Fault
from daemon.broker.refusals import told
from daemon.core.pieces import Calls

REPLY_BYTES_MAX = 64 * 2**20
LINE_BYTES_MAX = 8 * 2**20
DRAIN_SECONDS = 0.2
DATA, DONE = b"data:", b"[DONE]"
COMMENTS = (b":", b"event:", b"id:", b"retry:")
Chunk = dict[str, Any]


class Function(BaseModel):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class Piece(BaseModel):
    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(BaseModel):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[Piece] | None = None


class Choice(BaseModel):
    delta: Delta | None = None
    finish_reason: str | None = None


class Shape(BaseModel):
    """What all that read chunks may rely on; other keys pass through untouched."""

    choices: list[Choice] | None = None
    usage: dict[str, Any] | None = None


async def read_lines(answer: httpx.Response, secret: str | None) -> AsyncIterator[bytes]:
    """Split at line feeds alone: text may hold U+2028, which httpx takes for a line's end.

    Raises Fault when the reply is endless, or repeats the key.
    """
    async for line in _lines(answer):
        if secret is not None and secret.encode() in line:
            raise Fault("model_rubbish", "the model server repeats the key")
        yield line


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    size, held = 0, bytearray()
    async for piece in answer.aiter_bytes():
        size += len(piece)
        held += piece
        if size > REPLY_BYTES_MAX or (len(held) > LINE_BYTES_MAX and b"\n" not in piece):
            raise Fault("model_rubbish", "the model's reply is endless")
        if b"\n" in piece:
            *lines, rest = bytes(held).split(b"\n")
            held = bytearray(rest)
            for line in lines:
                yield line
    if held:
        yield bytes(held)


async def finish(lines: AsyncIterator[bytes]) -> None:
    """Read to the very end, so that the connection serves the next call too."""
    with suppress(TimeoutError, httpx.HTTPError, Fault):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in lines:
                pass


def parsed(data: bytes) -> Chunk:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Fault("model_rubbish", "the model server sent a chunk that is no JSON") from error
    if not isinstance(chunk, dict):
        raise Fault("model_rubbish", "the model server sent a chunk that is no object")
    if chunk.get("error"):
        raise told(chunk["error"])
    try:
        Shape.model_validate(chunk)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        text = f"the model server sent a chunk whose {place} makes no sense"
        raise Fault("model_rubbish", text) from error
    return chunk


def text_chars(chunk: Chunk) -> int:
    """How much the model said in it: text, reasoning and arguments."""
    return sum(len(word) for choice in chunk.get("choices") or () for word in _words(choice))


def _words(choice: Mapping[str, Any]) -> list[str]:
    delta = choice.get("delta") or {}
    said = [delta.get(key) or "" for key in ("content", "reasoning", "reasoning_content")]
    functions = [piece.get("function") or {} for piece in delta.get("tool_calls") or ()]
    return said + [str(function.get("arguments") or "") for function in functions]


def joined(chunks: list[Chunk]) -> dict[str, Any]:
    """A stream's chunks as the one answer that a caller who did not ask to stream expects."""
    first = chunks[0] if chunks else {}
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    calls = Calls()
    finish, usage = None, None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            message["content"] += delta.get("content") or ""
            for key in ("reasoning_content", "reasoning"):
                if delta.get(key):
                    message[key] = message.get(key, "") + delta[key]
            for piece in delta.get("tool_calls") or ():
                calls.add(piece)
            finish = choice.get("finish_reason") or finish
    if calls:
        message["tool_calls"] = calls.whole()
    choice = {"index": 0, "message": message, "finish_reason": finish or "stop"}
    return {
        "id": first.get("id", "chatcmpl-org"),
        "object": "chat.completion",
        "created": first.get("created", 0),
        "model": first.get("model", ""),
        "choices": [choice],
        "usage": usage,
    }
