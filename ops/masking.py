"""Secrets masked by value: what a writer writes never holds one, wherever it came from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache

MASK = "[secret]"
SECRET_CHARS_MIN = 8  # shorter values are words that stand everywhere
NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH", re.IGNORECASE)
HARMLESS = re.compile(r"/[\w./-]*|\d+|true|false|none", re.IGNORECASE)  # paths, numbers, switches


class Mask:
    """Called with a text, gives it without the secrets it was made with."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {one for one in secrets if len(one) >= SECRET_CHARS_MIN}
        known |= {json.dumps(one)[1:-1] for one in known}  # as it stands inside JSON
        longest_first = sorted(known, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub(MASK, text) if self._pattern else text


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """The values whose names say that they are secret."""
    return [
        value.strip()
        for name, value in environment.items()
        if NAMES.search(name) and not HARMLESS.fullmatch(value.strip())
    ]


@cache
def own_mask() -> Mask:
    """For the secrets of this process's own environment."""
    return Mask(secrets_in(os.environ))
