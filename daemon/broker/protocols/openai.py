"""OpenAI's own protocol, and the servers that speak it with an accent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from daemon.broker.chunks import COMMENTS, DATA, DONE, Chunk, finish, parsed
from daemon.broker.faults import Fault


class OpenAI:
    """Passed through as it is."""

    listing = "/models"
    sizes = False

    def url(self, base: str, path: str) -> str:
        base = base.rstrip("/")
        return f"{base}{path}" if base.endswith("/v1") else f"{base}/v1{path}"

    def headers(self, key: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"} if key else {}

    def request(self, body: Mapping[str, Any], context_tokens: int) -> tuple[str, dict[str, Any]]:
        streamed = {"stream": True, "stream_options": {"include_usage": True}}
        return "/chat/completions", {**body, **streamed}

    async def chunks(self, lines: AsyncIterator[bytes]) -> AsyncGenerator[Chunk, None]:
        """Data objects until [DONE]."""
        async for line in lines:
            if not line.startswith(DATA):
                if line.strip() and not line.startswith(COMMENTS):
                    raise Fault("model_rubbish", "the model server did not answer with a stream")
                continue
            data = line.removeprefix(DATA).strip()
            if data == DONE:
                await finish(lines)
                return
            yield parsed(data)
        raise Fault("model_cut", "the model's stream ended before it was done")

    def names(self, listed: Any) -> list[str]:
        return [str(row["id"]) for row in listed["data"]]

    def context(self, listed: Any, model: str) -> int | None:
        """Several servers tell it, each under a name of its own."""
        for row in _rows(listed, model):
            for place in (row, row.get("meta") or {}):
                for key in ("context_length", "max_model_len", "n_ctx", "n_ctx_train"):
                    if isinstance(place.get(key), int):
                        return int(place[key])
        return None

    def details(self, model: str) -> list[tuple[str, str, dict[str, Any] | None]]:
        return []


class LMStudio(OpenAI):
    """Its own listing tells what is loaded, and how much context it was loaded with."""

    listing = "/api/v0/models"

    def url(self, base: str, path: str) -> str:
        bare = base.rstrip("/").removesuffix("/v1")
        return f"{bare}{path}" if path == self.listing else super().url(base, path)

    def names(self, listed: Any) -> list[str]:
        """What is loaded comes first: asking for another one makes it load."""
        rows = [row for row in listed["data"] if row.get("type") != "embeddings"]
        rows.sort(key=lambda row: row.get("state") != "loaded")
        return [str(row["id"]) for row in rows]

    def context(self, listed: Any, model: str) -> int | None:
        for row in _rows(listed, model):
            found = row.get("loaded_context_length") or row.get("max_context_length")
            return int(found) if isinstance(found, int) else None
        return None


class LlamaServer(OpenAI):
    """A page of its own tells how much context it was started with; its model may take more."""

    page = "/props"

    def url(self, base: str, path: str) -> str:
        bare = base.rstrip("/").removesuffix("/v1")
        return f"{bare}{path}" if path == self.page else super().url(base, path)

    def context(self, listed: Any, model: str) -> int | None:
        settings = listed.get("default_generation_settings") if isinstance(listed, dict) else None
        found = (settings or {}).get("n_ctx")
        return int(found) if isinstance(found, int) else None

    def details(self, model: str) -> list[tuple[str, str, dict[str, Any] | None]]:
        return [("GET", self.page, None)]


def _rows(listed: Any, model: str) -> list[dict[str, Any]]:
    rows = listed.get("data") if isinstance(listed, dict) else None
    return [row for row in rows or () if isinstance(row, dict) and row.get("id") == model]
