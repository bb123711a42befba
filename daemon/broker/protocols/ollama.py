"""Ollama's own protocol: a JSON object a line, arguments as objects, images beside the text."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

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

OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "stop": "stop",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",
}


CONTEXT_TOKENS_MAX = 16_384  # asked for unless the setting says more: it costs memory


class Ollama:
    listing = "/api/tags"
    sizes = True

    def url(self, base: str, path: str) -> str:
        return base.rstrip("/").removesuffix("/v1") + path

    def headers(self, key: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def request(self, body: Mapping[str, Any], context_tokens: int) -> tuple[str, dict[str, Any]]:
        """`num_ctx` is said when it is known: else Ollama cuts what is too long, unseen."""
        options = {
            theirs: body[ours] for ours, theirs in OPTIONS.items() if body.get(ours) is not None
        }
        if context_tokens:
            options["num_ctx"] = context_tokens
        asked: dict[str, Any] = {
            "model": body.get("model"),
            "messages": _messages(body.get("messages") or ()),
            "stream": True,
            "options": options,
        }
        if body.get("tools") and body.get("tool_choice") != "none":
            asked["tools"] = body["tools"]
        wanted = body.get("response_format")
        if isinstance(wanted, dict) and wanted.get("type") != "text":
            asked["format"] = (wanted.get("json_schema") or {}).get("schema") or "json"
        if body.get("reasoning_effort"):
            asked["think"] = body["reasoning_effort"]
        return "/api/chat", asked

    async def chunks(self, lines: AsyncIterator[bytes]) -> AsyncGenerator[Chunk, None]:
        calls = 0
        async for line in lines:
            if not line.strip():
                continue
            one = object_of(line)
            if one.get("error"):
                raise told(one["error"])
            start = head("chatcmpl-ollama", str(one.get("model") or ""))
            message = one.get("message")
            if isinstance(message, dict):
                for chunk in _said(start, message, calls):
                    yield chunk
                calls += len(message.get("tool_calls") or ())
            elif not one.get("done"):
                raise Fault("model_rubbish", "the model server sent a line without a message")
            if one.get("done"):
                yield ended(start, _reason(one, calls))
                if isinstance(one.get("eval_count"), int):
                    yield counted(start, int(one.get("prompt_eval_count") or 0), one["eval_count"])
                return
        raise Fault("model_cut", "the model's stream ended before it was done")

    def names(self, listed: Any) -> list[str]:
        return [str(row["name"]) for row in listed["models"]]

    def context(self, listed: Any, model: str) -> int | None:
        """What a loaded one was given, else as much as it was made for and we ask for."""
        for row in listed.get("models") or ():
            given = row.get("context_length")
            if row.get("name") in (model, f"{model}:latest") and isinstance(given, int):
                return given
        known = listed.get("model_info") or {}
        found = [value for key, value in known.items() if key.endswith(".context_length")]
        return min(int(found[0]), CONTEXT_TOKENS_MAX) if found else None

    def details(self, model: str) -> list[tuple[str, str, dict[str, Any] | None]]:
        return [("GET", "/api/ps", None), ("POST", "/api/show", {"model": model})]


def _reason(last: Chunk, calls: int) -> str:
    """Ollama says `stop` of calls too."""
    reason = str(last.get("done_reason") or "stop")
    return "tool_calls" if calls and reason == "stop" else reason


def _said(start: Chunk, message: dict[str, Any], before: int) -> list[Chunk]:
    said = []
    if message.get("thinking"):
        said.append(delta(start, reasoning_content=str(message["thinking"])))
    if message.get("content"):
        said.append(delta(start, content=str(message["content"])))
    for index, call in enumerate(message.get("tool_calls") or (), start=before):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise Fault("model_rubbish", "the model server sent a call without a function")
        identity = str(call.get("id") or f"call_{index}")
        whole = {"name": str(function.get("name") or ""), "arguments": _text(function)}
        said.append(delta(start, tool_calls=[call_piece(index, id=identity, **whole)]))
    return said


def _text(function: dict[str, Any]) -> str:
    arguments = function.get("arguments")
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {})


def _messages(messages: Any) -> list[dict[str, Any]]:
    """Results name their tool; ids stay behind."""
    names: dict[str, str] = {}
    return [_message(message, names) for message in messages]


def _message(message: Mapping[str, Any], names: dict[str, str]) -> dict[str, Any]:
    content = message.get("content")
    made: dict[str, Any] = {"role": message.get("role"), "content": text_of(content)}
    images = images_of(content)
    if images:
        found = [encoded(image) for image in images]
        if None in found:
            text = "this provider takes images as data, not by their address"
            raise Fault("model_bad_request", text, 400)
        made["images"] = [one[1] for one in found if one]
    functions = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        names[str(call.get("id"))] = str(function.get("name"))
        functions.append({"name": function.get("name"), "arguments": arguments_of(function)})
    if functions:
        made["tool_calls"] = [{"function": function} for function in functions]
    if message.get("role") == "tool":
        made["tool_name"] = names.get(str(message.get("tool_call_id")), "")
    return made
