"""OpenAI's chunks, made from what other protocols say."""

from __future__ import annotations

import json
from typing import Any

from daemon.broker.faults import Fault

Chunk = dict[str, Any]


def head(identity: str, model: str) -> Chunk:
    return {"id": identity, "object": "chat.completion.chunk", "created": 0, "model": model}


def delta(start: Chunk, **what: Any) -> Chunk:
    return {**start, "choices": [{"index": 0, "delta": what, "finish_reason": None}]}


def ended(start: Chunk, reason: str) -> Chunk:
    return {**start, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


def counted(start: Chunk, prompt: int, completion: int, cached: int = 0) -> Chunk:
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    if cached:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    return {**start, "choices": [], "usage": usage}


def call_piece(index: int, **what: Any) -> dict[str, Any]:
    """`id` and `name` begin a call, `arguments` go on with it."""
    function = {key: what[key] for key in ("name", "arguments") if key in what}
    piece: dict[str, Any] = {"index": index, "function": function}
    return {"id": what["id"], "type": "function", **piece} if "id" in what else piece


def arguments_of(call: dict[str, Any]) -> dict[str, Any]:
    """A call's arguments as an object; what a model wrote badly is handed on as it is."""
    text = call.get("arguments") or "{}"
    try:
        value = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return {"unparsed": text}
    return value if isinstance(value, dict) else {"unparsed": text}


def text_of(content: Any) -> str:
    """The words of a message's content, which is a text or a list of parts."""
    if isinstance(content, list):
        return "\n".join(
            str(part.get("text") or "")
            for part in content
            if isinstance(part, dict) and part.get("type") == "text"
        )
    return content if isinstance(content, str) else ""


def images_of(content: Any) -> list[str]:
    """The addresses of a message's images, as they were given."""
    parts = content if isinstance(content, list) else []
    found = [
        part.get("image_url")
        for part in parts
        if isinstance(part, dict) and part.get("type") == "image_url"
    ]
    return [str(one.get("url") if isinstance(one, dict) else one) for one in found if one]


def encoded(address: str) -> tuple[str, str] | None:
    """Media type and base64 of a data address; None for another one."""
    start, comma, data = address.partition(",")
    if not comma or not start.startswith("data:") or not start.endswith(";base64"):
        return None
    return start.removeprefix("data:").removesuffix(";base64") or "image/png", data


def object_of(data: bytes) -> Chunk:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Fault("model_rubbish", "the model server sent a chunk that is no JSON") from error
    if not isinstance(value, dict):
        raise Fault("model_rubbish", "the model server sent a chunk that is no object")
    return value
