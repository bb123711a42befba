"""Commands run in the guest over its virtio port: no network, one answer each."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ops.errors import Exit, Failed, Refused
from ops.sockets import connect_unix, send_line

CONNECT_SECONDS = 5.0
CHUNK_BYTES = 65536
COMMAND_SECONDS = 60.0
ANSWER_SECONDS = 10.0  # beyond the command's own limit


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


class GuestLine:
    """One holder at a time; the guest may be off or still booting."""

    def __init__(self, path: Path) -> None:
        try:
            self._line = connect_unix(path, CONNECT_SECONDS)
        except Refused as nobody:
            hint = "start it with: orgctl vm up"
            raise Refused("no guest runs here", hint, Exit.DOWN) from nobody
        self._held = b""
        self._line.sendall(b"\n")  # ends what somebody before us left half said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._line.close()

    def run(self, argv: Sequence[str], seconds: float = COMMAND_SECONDS, stdin: str = "") -> Said:
        """Raises Failed when the guest does not answer in time."""
        number = secrets.token_hex(8)
        request = {"id": number, "argv": list(argv), "seconds": seconds, "stdin": stdin}
        self._line.settimeout(CONNECT_SECONDS)
        send_line(self._line, request)
        found = self._until(lambda said: said.get("id") == number, seconds + ANSWER_SECONDS)
        return Said(int(found["code"]), str(found["out"]), str(found["err"]))

    def _until(self, wanted: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            *lines, self._held = self._held.split(b"\n")
            for line in lines:
                with suppress(ValueError):  # half a line, of somebody who went away
                    said = json.loads(line)
                    if wanted(said):
                        return dict(said)
            self._line.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                piece = self._line.recv(CHUNK_BYTES)
            except TimeoutError as error:
                text = f"the guest did not answer within {seconds:g} s"
                raise Failed(text, "see: orgctl vm logs --console") from error
            if not piece:
                raise Failed("the guest went away", "see: orgctl vm logs --console", Exit.DOWN)
            self._held += piece


def booted(path: Path, seconds: float) -> Said:
    """Wait until the guest answers: what it is asked lies in the port until somebody reads it."""
    with GuestLine(path) as line:
        return line.run(["systemctl", "is-system-running", "--wait"], seconds)
