"""A goal's own check, which its author never sees."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Probe(BaseModel):
    """An HTTP GET to the served candidate and what its answer must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    path: str
    status: int = 200
    matches: str | None = Field(default=None, description="regular expression searched in the body")


class Measure(BaseModel):
    """A number that must become better, beyond luck, than the base's on the same machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    command: tuple[str, ...] = Field(
        min_length=1, description="run in a cell, in either tree; its last line is the number"
    )
    direction: str = Field(default="lower", pattern="^(lower|higher)$")
    least_gain: float = Field(default=0.05, ge=0, lt=1e6, description="as a part of the base's")
    pairs_max: int = Field(default=40, ge=1, le=500)


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
    tests: bool = Field(
        default=False, description="`files` are pytest files, and each of their tests must pass"
    )
    probes: tuple[Probe, ...] = ()
    measure: Measure | None = None

    @property
    def checks(self) -> bool:
        """Whether anything in it can say no by itself."""
        return bool(self.command or self.tests or self.probes or self.measure)
