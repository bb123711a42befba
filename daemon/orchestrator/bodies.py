"""Requests as they come from anywhere: bounded, parsed strictly, refused in OpenAI's shape."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any, NoReturn, TypeGuard

from starlette.requests import Request
from starlette.responses import JSONResponse

BODY_BYTES_MAX = 16 * 2**20
BODY_SECONDS_MAX = 60.0
INPUTS_MAX = 2048
DEPTH_MAX = 64
MESSAGES_MAX = 10_000
ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
KINDS: dict[str, tuple[Any, str]] = {
    "model": (str, "a text"),
    "stream": (bool, "true or false"),
    "stream_options": (dict, "an object"),
    "tools": (list, "a list"),
    "max_tokens": (int, "a whole number"),
    "max_completion_tokens": (int, "a whole number"),
    "n": (int, "a whole number"),
    "seed": (int, "a whole number"),
    "temperature": (int | float, "a number"),
    "top_p": (int | float, "a number"),
}


class Wrong(Exception):
    """The client is told what is wrong with its request, and nothing was done."""

    retry_after: str | None = None  # seconds, or a date, as whoever refused said it

    def __init__(self, said: str, code: str, status: int = 400, param: str | None = None) -> None:
        super().__init__(said)
        self.said = said
        self.code = code
        self.status = status
        self.param = param

    def answer(self) -> JSONResponse:
        answer = error(self.said, self.code, self.status, self.param)
        if self.retry_after:
            answer.headers["retry-after"] = self.retry_after
        return answer


def error(said: str, code: str, status: int, param: str | None = None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"message": said, "type": kind, "param": param, "code": code}
    return JSONResponse({"error": body}, status_code=status)


async def read_json(request: Request) -> dict[str, Any]:
    """The body as an object. Raises Wrong."""
    held = await read_bytes(request, BODY_BYTES_MAX)
    try:
        text = held.decode("utf-8")
        found = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite,
            object_pairs_hook=_no_twice,
        )
        if "\\u" in text:  # half of a surrogate pair can be escaped, but no text can hold it
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise Wrong("the body is nested too deeply", "invalid_json") from None
    except (ValueError, UnicodeDecodeError) as bad:
        raise Wrong(f"the body is not valid JSON: {str(bad)[:200]}", "invalid_json") from None
    if not isinstance(found, dict):
        raise Wrong("the body must be a JSON object", "invalid_type")
    if _depth(found) > DEPTH_MAX:
        raise Wrong("the body is nested too deeply", "invalid_json")
    return found


async def read_bytes(request: Request, bytes_max: int) -> bytes:
    """The body. Raises Wrong when it is too large, or too slow."""
    declared = request.headers.get("content-length", "0")
    held = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            if declared.isdecimal() and int(declared[:20]) > bytes_max:
                raise Wrong(f"the body is larger than {bytes_max} bytes", "body_too_large", 413)
            async for piece in request.stream():
                held += piece
                if len(held) > bytes_max:
                    raise Wrong(f"the body is larger than {bytes_max} bytes", "body_too_large", 413)
    except TimeoutError:
        text = f"the body was not there after {BODY_SECONDS_MAX:g} s"
        raise Wrong(text, "request_timeout", 408) from None
    return bytes(held)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _depth(value: object) -> int:
    """Without recursion, for a value may be as deep as the parser allowed."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        here, depth = waiting.pop()
        deepest = max(deepest, depth)
        if deepest > DEPTH_MAX:
            break
        inner = here.values() if isinstance(here, dict) else here if isinstance(here, list) else ()
        waiting.extend((one, depth + 1) for one in inner)
    return deepest


def check_completion(body: dict[str, Any]) -> dict[str, Any]:
    """A chat completion request that makes sense. Raises Wrong naming the field."""
    messages = body.get("messages")
    if messages is None:
        raise Wrong("messages is missing", "missing_required_parameter", param="messages")
    if not isinstance(messages, list) or not messages or len(messages) > MESSAGES_MAX:
        raise Wrong("messages must be a list of messages", "invalid_type", param="messages")
    for at, message in enumerate(messages):
        _check_message(f"messages[{at}]", message)
    for name, (kinds, called) in KINDS.items():
        value = body.get(name)
        if value is None or (_is_whole(value) if kinds is int else _is(value, kinds)):
            continue
        raise Wrong(f"{name} must be {called}", "invalid_type", param=name)
    if not all(isinstance(tool, dict) for tool in body.get("tools") or ()):
        raise Wrong("tools must be a list of objects", "invalid_type", param="tools")
    return body


def check_embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Raises Wrong naming the field."""
    asked = body.get("input")
    if asked is None:
        raise Wrong("input is missing", "missing_required_parameter", param="input")
    if not asked or not (isinstance(asked, str) or _is_texts(asked)):
        raise Wrong("input must be a text or a list of texts", "invalid_type", param="input")
    if isinstance(asked, list) and len(asked) > INPUTS_MAX:
        raise Wrong(f"input has more than {INPUTS_MAX} texts", "invalid_value", param="input")
    if not isinstance(body.get("model", ""), str):
        raise Wrong("model must be a text", "invalid_type", param="model")
    return body


def _is_texts(asked: object) -> bool:
    return isinstance(asked, list) and all(isinstance(each, str) for each in asked)


def _is(value: object, kinds: Any) -> bool:
    """True is an int to Python, but not to JSON."""
    return isinstance(value, kinds) and isinstance(value, bool) == (kinds is bool)


def _is_whole(value: object) -> TypeGuard[int | float]:
    """1.0 is a whole number to JSON, and True is none."""
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def _check_message(name: str, message: object) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(role, str) or role not in ROLES:
        raise Wrong(f"{name} has no known role", "invalid_value", param="messages")
    content = message.get("content")
    parts = content if isinstance(content, list) else ()
    if not isinstance(content, str | list | None) or not all(isinstance(p, dict) for p in parts):
        text = f"{name}.content must be a text or a list of parts"
        raise Wrong(text, "invalid_type", param="messages")
