"""The last exchanges of current with its models, for candidates to be tried on: few, short, masked.

They are kept without what looks like a key, a token or an address, and nothing long.
A disk that takes no more loses them; the users' answers do not wait for it.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from daemon.broker.recordings import exchange

KEPT_MAX = 32
KEPT_A_SECOND_MAX = 10.0  # of a flood a part is enough, and masking it all takes its time
LINE_BYTES_MAX = 32 * 2**10
FILE_BYTES_MAX = 4 * KEPT_MAX * LINE_BYTES_MAX  # then it is written anew
ASKED = ("messages", "tools", "stream")  # what a request is sent with again
MASK = "[masked]"
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)"
    r"|\b(?:sk|pk|rk|gh[pousr]|xox[abp])[-_][A-Za-z0-9_-]{16,}"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]{10,}"
    r"|(?i:\b(?:bearer|basic|token|password|passwd|secret|api[_-]?key)\b[\s:=\"']{1,4})\S{6,}"
    r"|\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,}\b"
    r"|\b[A-Fa-f0-9]{32,}\b|\b[A-Za-z0-9+/]{40,}={0,2}",
    re.DOTALL,
)


def masked(value: Any) -> Any:
    """The same value, with every text in it masked."""
    if isinstance(value, str):
        return SECRETS.sub(MASK, value)
    if isinstance(value, list):
        return [masked(one) for one in value]
    if isinstance(value, dict):
        return {key: masked(one) for key, one in value.items()}
    return value


class Recent:
    """Takes the place of a recorder at current's door; `path` holds one exchange a line."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._added: deque[float] = deque(maxlen=KEPT_MAX)
        self._lines: deque[bytes] = deque(maxlen=KEPT_MAX)
        with suppress(OSError):
            self._lines.extend(path.read_bytes()[-FILE_BYTES_MAX:].splitlines(keepends=True)[1:])

    def add(self, body: Mapping[str, Any], reply: list[dict[str, Any]]) -> None:
        if self._flooded() or len(json.dumps(body)) > LINE_BYTES_MAX:
            return  # masking it would take its time
        asked = masked({key: body[key] for key in ASKED if key in body})
        told = json.loads(exchange(asked["messages"], masked(reply)))
        line = json.dumps({"ask": asked, **told}).encode() + b"\n"
        if len(line) <= LINE_BYTES_MAX:
            self._lines.append(line)
            with suppress(OSError):
                self._write(line)

    def _flooded(self) -> bool:
        now = self._clock()
        if len(self._added) == KEPT_MAX and now - self._added[0] < KEPT_MAX / KEPT_A_SECOND_MAX:
            return True
        self._added.append(now)
        return False

    def _write(self, line: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with os.fdopen(os.open(self._path, flags, 0o600), "ab") as out:
            if out.tell() == 0 or out.tell() > FILE_BYTES_MAX:
                out.truncate(0)
                out.write(b"\n" + b"".join(self._lines))  # the first line may be half of one
            else:
                out.write(line)

    def close(self) -> None:
        """Nothing is held open."""
