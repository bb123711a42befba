"""The OpenAI wire protocol, always streaming: what the broker speaks to every cell."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import stamina

from daemon.agent.messages import Message
from daemon.agent.providers import ModelFault, Reply
from daemon.agent.providers.assembly import Assembly
from daemon.agent.providers.treatments import treatment

IDLE_SECONDS = 120.0
IDLE_MARGIN_SECONDS = 180.0  # a call may wait for its turn; and it is the broker who gives up first
CONNECT_SECONDS = 5.0
ATTEMPTS_MAX = 10
WAIT_FIRST_SECONDS, WAIT_SECONDS_MAX, JITTER_SECONDS = 0.2, 30.0, 0.5
WISH_SECONDS_MIN = 1.0
WAITS_SECONDS_MAX = 900.0  # of one reply
REPLY_BYTES_MAX = 64 * 2**20
WITHHELD = "content_filter"  # what came before it is no reply
BAD_REQUEST = "model_bad_request"
DATA, DONE = b"data:", b"[DONE]"


def over_socket(path: str, idle_seconds: float = IDLE_SECONDS) -> httpx.Client:
    """A client of the broker's unix socket; `idle_seconds` is how patient the broker is."""
    timeout = httpx.Timeout(idle_seconds + IDLE_MARGIN_SECONDS, connect=CONNECT_SECONDS)
    way = httpx.HTTPTransport(uds=path)
    return httpx.Client(transport=way, base_url="http://broker", timeout=timeout, trust_env=False)


@dataclass
class OpenAI:
    """Some models at one endpoint: each that fails makes room for the next.

    `hear` is given the text as it grows; what it raises ends the reply. When the reply is asked
    for once more, `anew` tells that what was heard of it does not count. `left` tells the seconds
    that the run still has: no pause is longer.
    """

    client: httpx.Client
    model: str
    hear: Callable[[str], None] | None = None
    others: Sequence[str] = ()
    left: Callable[[], float] = lambda: WAITS_SECONDS_MAX
    anew: Callable[[], None] = lambda: None
    _heard: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._models = [self.model, *self.others]

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[dict[str, Any]],
        temperature: float | None = None,
    ) -> Reply:
        """Faults are treated by the table; the last one rises. A model that failed is left."""
        body: dict[str, Any] = {
            "messages": [message.wire() for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if tools:
            body["tools"] = list(tools)
        if temperature is not None:
            body["temperature"] = temperature
        self._heard = False
        while True:
            try:
                return self._patiently({"model": self._models[0], **body})
            except ModelFault as fault:
                if fault.code == BAD_REQUEST and body.pop("temperature", None) is not None:
                    continue  # some models take none but their own
                if not treatment(fault.code).other_model or len(self._models) == 1:
                    raise
                del self._models[0]

    def _patiently(self, body: dict[str, Any]) -> Reply:
        """Ask again as often as the fault's kind deserves, when the server wished it."""
        tried: dict[str, int] = {}

        def again(fault: Exception) -> bool | float:
            if not isinstance(fault, ModelFault):
                return False
            tried[fault.code] = tried.get(fault.code, 0) + 1
            if tried[fault.code] >= treatment(fault.code).attempts or self.left() <= 0:
                return False
            if fault.retry_after_s is None:
                return True
            if fault.retry_after_s >= self.left():
                return False
            return fault.retry_after_s + random.uniform(0, JITTER_SECONDS)

        for attempt in stamina.retry_context(
            on=again,
            attempts=ATTEMPTS_MAX,
            timeout=WAITS_SECONDS_MAX,
            wait_initial=WAIT_FIRST_SECONDS,
            wait_max=WAIT_SECONDS_MAX,
            wait_jitter=JITTER_SECONDS,
        ):
            with attempt:
                return self._once(body)
        raise AssertionError("stamina raises the last fault")

    def _once(self, body: dict[str, Any]) -> Reply:
        if self._heard:
            self._heard = False
            self.anew()
        assembly = Assembly(self._listened if self.hear else None)
        try:
            with self.client.stream("POST", "/v1/chat/completions", json=body) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise _fault(answer.status_code, answer.read(), answer.headers)
                for chunk in _chunks(answer):
                    assembly.add(chunk)
        except httpx.TimeoutException as error:
            raise ModelFault("model_timeout", "the model was silent for too long") from error
        except httpx.HTTPError as error:
            raise ModelFault(
                "model_unreachable", f"the model cannot be reached: {error}"
            ) from error
        except (TypeError, ValueError, AttributeError) as error:
            raise ModelFault(
                "model_rubbish", f"the model's reply makes no sense: {error}"
            ) from error
        reply = assembly.reply(sum(len(one["content"] or "") for one in body["messages"]))
        if reply.finish == WITHHELD:
            raise ModelFault("model_refused", "the model's server withheld its reply")
        return reply

    def _listened(self, text: str) -> None:
        self._heard = self._heard or bool(text)
        if self.hear is not None:
            self.hear(text)


def _fault(status: int, body: bytes, headers: httpx.Headers) -> ModelFault:
    wait = headers.get("retry-after", "")
    seconds = _wish(float(wait) if wait.isdecimal() else None)
    try:
        inner = json.loads(body)["error"]
        code, said = str(inner.get("code") or f"http_{status}"), str(inner.get("message"))
    except (ValueError, LookupError, TypeError, AttributeError):
        code, said = f"http_{status}", f"the model server answered {status}"
    return ModelFault(code, said, seconds)


def _wish(seconds: object) -> float | None:
    """How long the server wants us to wait; less than a second is no wish."""
    if isinstance(seconds, int | float) and seconds >= WISH_SECONDS_MIN:
        return float(seconds)
    return None


def _chunks(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    lines = _lines(answer)
    for line in lines:
        if not line.startswith(DATA):
            continue
        data = line[len(DATA) :].strip()
        if data == DONE:
            for _ in lines:  # to the very end, so that the connection serves the next question
                pass
            return
        chunk = json.loads(data)
        if "error" in chunk:
            inner = chunk["error"]
            seconds = _wish(inner.get("retry_after_s"))
            code, said = str(inner.get("code") or "model_cut"), str(inner.get("message"))
            raise ModelFault(code, said, seconds)
        yield chunk
    raise ModelFault("model_cut", "the reply ended before it was done")


def _lines(answer: httpx.Response) -> Iterator[bytes]:
    """Split at line feeds alone: text may hold what others take for a line's end."""
    held, size = bytearray(), 0
    for piece in answer.iter_bytes():
        size += len(piece)
        if size > REPLY_BYTES_MAX:
            raise ModelFault("model_rubbish", "the model's reply is endless")
        held += piece
        if b"\n" in piece:
            *lines, rest = bytes(held).split(b"\n")
            held = bytearray(rest)
            yield from lines
