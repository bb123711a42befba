"""What a model server means when it says no: one code a kind, whatever the words."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from daemon.broker.faults import Fault

ERROR_CHARS_MAX = 500
RETRY_AFTER_SECONDS_MIN, RETRY_AFTER_SECONDS_MAX = 1.0, 600.0
CONTEXT = "context_length_exceeded"  # OpenAI's own word: its clients know it
TOOLS = "tools_unsupported"  # asked without them, the model may answer
# Words beat the status: servers disagree on the numbers. The first that fits, counts.
WORDS = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), code)
    for pattern, code in (
        (
            r"context_length_exceeded|exceed_context_size|context (?:length|window|size)"
            r"|prompt is too long|input is too long|too many input tokens|maximum context"
            r"|input length and .max_tokens. exceed",
            CONTEXT,
        ),
        (
            r"does not support (?:tools|tool use|function calling)|no endpoints found that support"
            r" tool use|requires --enable-auto-tool-choice|tools param requires --jinja",
            TOOLS,
        ),
        (r"insufficient_quota", "model_permanent"),
        # Before what speaks of money: some tell how paying more would raise the limit.
        (r"rate_limit|rate limit|too many requests", "model_rate_limit"),
        (
            r"billing_(?:hard_limit|not_active)|billing hard limit|billing is not active"
            r"|credit balance|payment required",
            "model_permanent",
        ),
        (r"content_filter|content[_ ]policy|content management policy|moderation", "model_refused"),
        (r"overloaded|loading model|server is busy|no slot|at capacity", "model_overloaded"),
        (r"model_not_found|model .{0,200}(?:not found|does not exist)", "model_permanent"),
        (r"authentication_error|invalid_api_key|incorrect api key", "model_auth"),
    )
)
BY_STATUS = {
    400: "model_bad_request",
    401: "model_auth",
    402: "model_permanent",
    403: "model_auth",
    404: "model_permanent",
    405: "model_permanent",
    408: "model_timeout",
    410: "model_permanent",
    413: CONTEXT,
    415: "model_bad_request",
    422: "model_bad_request",
    429: "model_rate_limit",
    500: "model_failed",
    501: "model_permanent",
    502: "model_overloaded",
    503: "model_overloaded",
    504: "model_timeout",
    524: "model_timeout",
    529: "model_overloaded",
}
# What a cell's client is answered: a status that its own retries understand.
STATUS = {
    CONTEXT: 400,
    TOOLS: 400,
    "model_bad_request": 400,
    "model_refused": 400,
    "model_permanent": 404,
    "model_rate_limit": 429,
    "model_overloaded": 503,
    "model_timeout": 504,
}


def refusal(status: int, text: str, headers: Mapping[str, str]) -> Fault:
    """The fault for an answer that is none; `text` holds no secret any more."""
    said = f"the model server answered {status}: {_message(text)[:ERROR_CHARS_MAX]}"
    code = code_of(status, text)
    return Fault(code, said, STATUS.get(code, 502), retry_after(headers, time.time()))


def told(error: object) -> Fault:
    """The fault for an error that came inside a stream."""
    text = error if isinstance(error, str) else json.dumps(error)
    number = error.get("code") if isinstance(error, dict) else None
    code = code_of(number if isinstance(number, int) else 500, text)
    said = f"the model server said: {_message(text)[:ERROR_CHARS_MAX]}"
    return Fault(code, said, STATUS.get(code, 502))


def code_of(status: int, text: str) -> str:
    for pattern, code in WORDS:
        if pattern.search(text):
            return code
    return BY_STATUS.get(status, "model_failed" if status >= 500 else "model_bad_request")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, bounded; as a number, in milliseconds, or as a date.

    Less than a second is no wish, nor is a date that has passed: pauses that grow do better.
    """
    exact = headers.get("retry-after-ms")
    value = headers.get("retry-after")
    try:
        if exact is not None:
            seconds = float(exact) / 1000
        elif value is None:
            return None
        elif re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
            seconds = float(value)
        else:
            seconds = parsedate_to_datetime(value).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    if not seconds >= RETRY_AFTER_SECONDS_MIN:  # nor is what is no number
        return None
    return min(seconds, RETRY_AFTER_SECONDS_MAX)


def _message(text: str) -> str:
    """The sentence in a server's answer; the answer itself when there is none."""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict) and isinstance(value.get("error"), dict | str):
        value = value["error"]
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        return str(value["message"])
    return value if isinstance(value, str) else text
