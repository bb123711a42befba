"""What looks like a secret, masked in any text of a request or a reply, in linear time.

A name of a secret before a sign, as `DB_PASSWORD=`, is enough for what follows to be one; in
prose, as after "the token is", it must have a digit too. Better one word too many than one key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

MASK = "[masked]"
VALUE_CHARS_MIN = 6
NAMES = (
    r"(?:token|passw(?:or)?d|passphrase|secret|credential|api[_-]?key|private[_-]?key"
    r"|access[_-]?key|authorization|_(?:key|pass|pwd))"
)
NAME = re.compile(NAMES, re.IGNORECASE)
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)"
    r"|\b(?:sk|pk|rk|gh[pousr]|xox[abp])[-_][A-Za-z0-9_-]{16,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\beyJ[A-Za-z0-9_-]{10,1000}\.[A-Za-z0-9_.-]{10,}"
    # DB_PASSWORD=…, "access_token": "…", Authorization: Bearer …, --api-key …
    rf"|(?P<name>(?i:{NAMES}[\w-]{{0,32}}\\{{0,3}}[\"'`]?\s{{0,4}}(?::=|=>|[:=])\s{{0,4}}"
    rf"|(?<=-){NAMES}\s{{1,4}}|\bbearer\s{{1,4}})(?i:(?:bearer|basic|token)\s{{1,4}})?)"
    r"(?:(?P<quote>\\{0,3}[\"'`])(?:(?!(?P=quote))[^\n]){6,}|(?![\"'`\\])\S{6,})"
    rf"|(?P<said>\b(?i:{NAMES}|basic)(?:\s(?:is|was))?\s{{1,4}}[\"'`]?)(?=\S{{0,64}}\d)\S{{6,}}"
    r"|(?P<place>://)[^\s/:@]{0,64}:[^\s/@]{1,128}(?=@)"
    r"|\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,}\b"
    r"|\b[A-Fa-f0-9]{32,}\b|\b[A-Za-z0-9+/]{40,}={0,2}",
    re.DOTALL,
)
SPOKEN = ("content", "reasoning", "reasoning_content")


def masked(value: Any) -> Any:
    """The same value, with every text in it masked. Raises RecursionError."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return [masked(one) for one in value]
    if isinstance(value, dict):
        return {key: MASK if _is_secret(key, one) else masked(one) for key, one in value.items()}
    return value


def _is_secret(name: str, value: object) -> bool:
    named = isinstance(value, str) and len(value) >= VALUE_CHARS_MIN
    return named and NAME.search(name) is not None


def _text(text: str) -> str:
    """Arguments of a call are JSON in a text: they stay JSON."""
    if text.startswith("{"):
        try:
            inner = json.loads(text)
        except ValueError:
            inner = None
        if inner is not None:
            hidden = masked(inner)
            return text if hidden == inner else json.dumps(hidden, ensure_ascii=False)
    return SECRETS.sub(_without, text)


def _without(found: re.Match[str]) -> str:
    """What names the secret stays."""
    kept = found["name"] or found["said"] or found["place"] or ""
    return f"{kept}{found['quote'] or ''}{MASK}"


def whole(reply: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same stream, with each text in the chunk that begins it: pieces hide what they spell."""
    begun: dict[tuple[Any, ...], dict[str, Any]] = {}
    made = deepcopy(reply)
    for place, name, holder in _texts(made):
        first = begun.setdefault(place, holder)
        if first is not holder:
            first[name] += holder[name]
            holder[name] = ""
    return made


def _texts(reply: list[dict[str, Any]]) -> Iterator[tuple[tuple[Any, ...], str, dict[str, Any]]]:
    """Which text, and the name by which a piece of it stands in what."""
    ids: dict[tuple[Any, ...], tuple[int, object]] = {}
    for chunk in reply:
        for choice in chunk.get("choices") or ():
            choice.pop("logprobs", None)  # it spells the text anew
            delta, at = choice.get("delta") or {}, choice.get("index")
            for name in SPOKEN:
                if isinstance(delta.get(name), str):
                    yield (at, name), name, delta
            for piece in delta.get("tool_calls") or ():
                function, under = piece.get("function") or {}, (at, piece.get("index"))
                number, known = ids.get(under, (0, None))
                if function.get("name") and (known is None or piece.get("id") != known):
                    number, known = number + 1, piece.get("id")  # servers reuse an index
                ids[under] = number, known
                if isinstance(function.get("arguments"), str):
                    yield (*under, number), "arguments", function
