"""A goal's own check, which its author never sees."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Probe(BaseModel):
    """An HTTP GET to the served candidate and what its answer must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: str
    status: int = 200
    matches: str | None = Field(default=None, description="regular expression searched in the body")


class Acceptance(BaseModel):
    """All parts given must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str | None = Field(default=None, description="in words, for people who approve")
    command: tuple[str, ...] | None = Field(
        default=None, description="run in a cell, in the candidate's tree; exit 0 accepts"
    )
    files: dict[str, str] = Field(
        default_factory=dict, description="name -> text, readable to the command in /acceptance"
    )
    probes: tuple[Probe, ...] = ()
