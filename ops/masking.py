"""Secrets masked by value: what a writer writes never holds one, wherever it came from."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

KEYS = "keys.toml"  # in an instance's state: keys of model servers, by their variables' names
KEPT_MASKS_MAX = 8
MASK = "[secret]"
SECRET_CHARS_MIN = 8  # shorter values are words that stand everywhere
KEY_CHARS_MIN = 16  # local servers are often given a word for a key, which is no secret
NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH(?!OR(?:_|$))", re.IGNORECASE)
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

    def inside(self, value: Any) -> Any:
        """The same of all texts in what will be JSON; names and numbers stay what they are."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {name: self.inside(one) for name, one in value.items()}
        return [self.inside(one) for one in value] if isinstance(value, list | tuple) else value


def secret_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Those whose names say that they are secret."""
    return {
        name: value
        for name, value in environment.items()
        if NAMES.search(name) and not HARMLESS.fullmatch(value.strip())
    }


def secrets_in(environment: Mapping[str, str]) -> list[str]:
    """The values whose names say that they are secret."""
    return [value.strip() for value in secret_variables(environment).values()]


@cache
def own_mask() -> Mask:
    """For the secrets of this process's own environment."""
    return Mask(secrets_in(os.environ))


def mask_at(state: Path) -> Mask:
    """For the secrets of this process's environment, and for the keys that are kept in `state`."""
    path = state / KEYS
    return _mask_with(path, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=KEPT_MASKS_MAX)
def _mask_with(path: Path, changed_ns: int) -> Mask:
    """Made anew when the file has changed; what cannot be read there is used by nobody either."""
    keys: dict[str, object] = {}
    if changed_ns:
        with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            keys = tomllib.loads(path.read_text(encoding="utf-8"))
    words = (one.strip() for one in keys.values() if isinstance(one, str))
    kept = [one for one in words if len(one) >= KEY_CHARS_MIN and not HARMLESS.fullmatch(one)]
    return Mask([*secrets_in(os.environ), *kept])
