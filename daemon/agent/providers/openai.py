"""The OpenAI wire protocol, always streaming: the broker, Ollama, llama.cpp, LM Studio."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import stamina

from daemon.agent.messages import Call, Message
from daemon.agent.providers import ModelFault, Reply, Usage

IDLE_SECONDS = 300.0
CONNECT_SECONDS = 5.0
ATTEMPTS_MAX = 3
RETRY_SECONDS_MAX = 20.0
DATA, DONE = "data:", "[DONE]"
CALLS_MAX = 64


def over_socket(path: str) -> httpx.Client:
    """A client of the broker's unix socket."""
    timeout = httpx.Timeout(IDLE_SECONDS, connect=CONNECT_SECONDS)
    way = httpx.HTTPTransport(uds=path)
    return httpx.Client(transport=way, base_url="http://broker", timeout=timeout, trust_env=False)


@dataclass
class _Assembly:
    """A reply while it streams in."""

    content: str = ""
    reasoning: str = ""
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    finish: str | None = None
    usage: Usage = field(default_factory=Usage)

    def add(self, chunk: dict[str, Any]) -> None:
        counted = chunk.get("usage")
        if isinstance(counted, dict):
            self.usage = Usage(
                int(counted.get("prompt_tokens") or 0), int(counted.get("completion_tokens") or 0)
            )
        for choice in chunk.get("choices") or ():
            delta = choice.get("delta") or {}
            self.content += delta.get("content") or ""
            self.reasoning += delta.get("reasoning_content") or delta.get("reasoning") or ""
            for piece in delta.get("tool_calls") or ():
                self._add_call(piece)
            self.finish = choice.get("finish_reason") or self.finish

    def _add_call(self, piece: dict[str, Any]) -> None:
        """Some servers give no index: then a piece with a name begins a new call."""
        function = piece.get("function") or {}
        index = piece.get("index")
        if index is None:
            index = len(self.calls) if function.get("name") else max(len(self.calls) - 1, 0)
        if len(self.calls) >= CALLS_MAX and index not in self.calls:
            raise ModelFault("model_rubbish", f"more than {CALLS_MAX} calls in one reply")
        call = self.calls.setdefault(int(index), {"id": "", "name": "", "arguments": ""})
        call["id"] = call["id"] or piece.get("id") or f"call_{index}"
        call["name"] += function.get("name") or ""
        arguments = function.get("arguments") or ""
        call["arguments"] += arguments if isinstance(arguments, str) else json.dumps(arguments)

    def reply(self) -> Reply:
        calls = tuple(Call(**self.calls[index]) for index in sorted(self.calls))
        return Reply(self.content, calls, self.reasoning, self.finish, self.usage)


class OpenAI:
    """One model at one endpoint."""

    def __init__(
        self, client: httpx.Client, model: str, hear: Callable[[str], None] | None = None
    ) -> None:
        """`hear` is given the text as it grows."""
        self._client = client
        self._model = model
        self._hear = hear

    def reply(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> Reply:
        """Faults that pass are tried again, with growing pauses; the last one rises."""
        for attempt in stamina.retry_context(
            on=lambda fault: isinstance(fault, ModelFault) and fault.passing,
            attempts=ATTEMPTS_MAX,
            timeout=RETRY_SECONDS_MAX,
        ):
            with attempt:
                return self._once(messages, tools)
        raise AssertionError("stamina raises the last fault")

    def _once(self, messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> Reply:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [message.wire() for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if tools:
            body["tools"] = list(tools)
        assembly = _Assembly()
        try:
            with self._client.stream("POST", "/v1/chat/completions", json=body) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise _fault(answer.status_code, answer.read())
                for chunk in _chunks(answer):
                    known = len(assembly.content)
                    assembly.add(chunk)
                    if self._hear is not None and len(assembly.content) > known:
                        self._hear(assembly.content[known:])
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
        return assembly.reply()


def _fault(status: int, body: bytes) -> ModelFault:
    try:
        inner = json.loads(body)["error"]
        return ModelFault(str(inner.get("code") or f"http_{status}"), str(inner.get("message")))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ModelFault(f"http_{status}", f"the model server answered {status}")


def _chunks(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines():
        if not line.startswith(DATA):
            continue
        data = line.removeprefix(DATA).strip()
        if data == DONE:
            return
        chunk = json.loads(data)
        if "error" in chunk:
            inner = chunk["error"]
            raise ModelFault(str(inner.get("code") or "model_cut"), str(inner.get("message")))
        yield chunk
    raise ModelFault("model_cut", "the reply ended before it was done")
