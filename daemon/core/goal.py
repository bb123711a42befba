"""What an author is asked to bring about, and how its success is told."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

TEXT_CHARS_MAX = 20_000


class Protocol(StrEnum):
    """How an author works: a tool loop, or whole-file rewrites for small models."""

    AGENT = "agent"
    REWRITE = "rewrite"


class Goal(BaseModel):
    """One wish; `id` is unique in an instance."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    text: str = Field(min_length=1, max_length=TEXT_CHARS_MAX)
    protocol: Protocol | None = None
    module: str | None = Field(default=None, description="the one file to change (rewrite)")
    acceptance: dict[str, object] | None = Field(
        default=None, description="read by the judge alone (fitness.acceptance); never shown"
    )
    session: str | None = Field(default=None, description="recorded session that answers it")
