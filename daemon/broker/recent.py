"""The last exchanges of current with its models, for candidates to be tried on: few, short, masked.

They are kept without what looks like a key, a token or an address, and nothing long.
A disk that takes no more loses them; the users' answers do not wait for it.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from daemon.broker.masked import masked, whole
from daemon.broker.recordings import exchange

KEPT_MAX = 32
KEPT_A_SECOND_MAX = 10.0  # of a flood a part is enough, and masking it all takes its time
LINE_BYTES_MAX = 32 * 2**10
FILE_BYTES_MAX = 4 * KEPT_MAX * LINE_BYTES_MAX  # then it is written anew
ASKED = ("messages", "tools", "stream")  # what a request is sent with again


class Recent:
    """Takes the place of a recorder at current's door; `path` holds one exchange a line."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        known: Callable[[Any], Any] = list,
    ) -> None:
        """`known` masks the secrets that are known by their value, in all texts of a list."""
        self._path = path
        self._known = known
        self._clock = clock
        self._added: deque[float] = deque(maxlen=KEPT_MAX)
        self._lines: deque[bytes] = deque(maxlen=KEPT_MAX)
        with suppress(OSError):
            self._lines.extend(path.read_bytes()[-FILE_BYTES_MAX:].splitlines(keepends=True)[1:])

    def add(self, body: Mapping[str, Any], reply: list[dict[str, Any]]) -> None:
        if self._flooded():
            return
        try:
            line = self._line(body, reply)
        except (RecursionError, UnicodeError):
            return  # nested too deeply, or no text: it is answered, and not kept
        if line and len(line) <= LINE_BYTES_MAX:
            self._lines.append(line)
            with suppress(OSError):
                self._write(line)

    def _line(self, body: Mapping[str, Any], reply: list[dict[str, Any]]) -> bytes:
        """Nothing for what is long: masking it would take its time."""
        if max(len(json.dumps(body)), len(json.dumps(reply))) > LINE_BYTES_MAX:
            return b""
        joined = whole(reply)
        asked, hidden = masked(
            self._known([{key: body[key] for key in ASKED if key in body}, joined])
        )
        told = json.loads(exchange(asked["messages"], reply if hidden == joined else hidden))
        return json.dumps({"ask": asked, **told}).encode() + b"\n"

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
