"""How each provider's server is spoken to: cells speak one dialect, this turns it into theirs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any, Protocol

from daemon.broker.protocols.anthropic import Anthropic
from daemon.broker.protocols.ollama import Ollama
from daemon.broker.protocols.openai import LlamaServer, LMStudio, OpenAI

Body = Mapping[str, Any]
Question = tuple[str, str, dict[str, Any] | None]  # method, path, body


class Wire(Protocol):
    """One provider's protocol; it holds no state of a call."""

    listing: str  # the path that tells the models on offer
    sizes: bool  # whether a request says how much context it wants

    def url(self, base: str, path: str) -> str: ...

    def headers(self, key: str | None) -> dict[str, str]: ...

    def request(self, body: Body, context_tokens: int) -> tuple[str, dict[str, Any]]:
        """Path and body for a completion that was asked for in OpenAI's shape."""
        ...

    def chunks(self, lines: AsyncIterator[bytes]) -> AsyncGenerator[dict[str, Any], None]:
        """The stream in OpenAI's chunks. Raises Fault when it is cut or makes no sense."""
        ...

    def names(self, listed: Any) -> list[str]:
        """The models in the listing. Raises LookupError or TypeError for another shape."""
        ...

    def context(self, listed: Any, model: str) -> int | None:
        """How many tokens `model` takes, where the listing, or one of `details`, says so."""
        ...

    def details(self, model: str) -> list[Question]:
        """Where else the server tells of a model."""
        ...


WIRES: dict[str, Wire] = {
    "openai": OpenAI(),
    "lmstudio": LMStudio(),
    "llama-server": LlamaServer(),
    "ollama": Ollama(),
    "anthropic": Anthropic(),
    "recorded": OpenAI(),  # what no recording answers is asked nowhere: it has no base
}
