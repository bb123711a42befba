"""The author's line to the supervisor: what it does goes out, what people say comes in."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from daemon.agent.loop import Hooks, Interrupted
from daemon.agent.messages import Call
from daemon.agent.tools.tool import Result
from ops.masking import own_mask

SHOWN_CHARS_MAX = 600
CHUNK_BYTES = 65_536
LINE_BYTES_MAX = 2**24


class Line:
    """JSON lines over a socket; `deadline` is on the monotonic clock."""

    def __init__(self, own: socket.socket) -> None:
        self._socket = own
        self._held = b""
        self._heard: list[dict[str, Any]] = []
        self._words: list[str] = []
        self._urgent = False
        self._stop = False
        self.deadline = float("inf")

    def say(self, event: str, **data: Any) -> None:
        text = own_mask()(json.dumps({"event": event, **data})) + "\n"
        self._socket.sendall(text.encode("utf-8", "surrogatepass"))

    def job(self) -> dict[str, Any]:
        """The first thing that is heard. Raises EOFError when the supervisor is gone."""
        return dict(self._until("job")["job"])

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def hooks(self) -> Hooks:
        return Hooks(
            self._turn,
            self._call,
            self._result,
            self._step,
            lambda: self.left() <= 0,
            self._told,
            self._stopped,
            self._called,
        )

    def listen(self, _: str) -> None:
        """While the model speaks. Raises Interrupted when somebody has to say something now."""
        self._pump(wait=False)
        if self._urgent or self._stop or self.left() <= 0:
            self._urgent = False
            raise Interrupted

    def _turn(self, n: int, text: str) -> None:
        self.say("turn", n=n, text=text)

    def _call(self, n: int, call: Call) -> None:
        self.say("call", n=n, tool=call.name, arguments=call.arguments[:SHOWN_CHARS_MAX])

    def _result(self, n: int, call: Call, result: Result) -> None:
        text = result.text[:SHOWN_CHARS_MAX]
        self.say("result", n=n, tool=call.name, ok=result.ok, summary=text)

    def _step(self, n: int, summary: str) -> None:
        self.say("step", n=n, summary=summary)
        while self._until("ack").get("ack") != n:
            continue

    def _told(self) -> list[str]:
        self._pump(wait=False)
        words, self._words, self._urgent = self._words, [], False
        return words

    def _stopped(self) -> bool:
        self._pump(wait=False)
        return self._stop

    def _called(self) -> bool:
        self._pump(wait=False)
        return self._urgent

    def _until(self, key: str) -> dict[str, Any]:
        while True:
            for at, message in enumerate(self._heard):
                if key in message:
                    return self._heard.pop(at)
            self._pump(wait=True)

    def _pump(self, wait: bool) -> None:
        """Take in what has come; with `wait`, at least something."""
        while True:
            try:
                data = self._socket.recv(CHUNK_BYTES, 0 if wait else socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if not data:
                raise EOFError("the supervisor is gone")
            *lines, self._held = (self._held + data).split(b"\n")
            if len(self._held) > LINE_BYTES_MAX:
                raise EOFError("the supervisor talks without an end")
            for line in lines:
                self._take(json.loads(line))
            if lines:
                wait = False

    def _take(self, message: dict[str, Any]) -> None:
        if "tell" not in message:
            self._heard.append(message)
            return
        self._words += [str(message["tell"])] if message["tell"] else []
        self._urgent |= bool(message.get("now"))
        self._stop |= bool(message.get("stop"))
