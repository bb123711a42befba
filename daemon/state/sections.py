"""Sections of the settings: what stands in all of them, and those of the night."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from daemon.core.clockwork import Window


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(Section):
    """When what happens by itself: `every 30m`, or five fields of cron; empty is never."""

    cycles: str = ""
    verify: str = "37 4 * * *"
    gc: str = ""
    report: str = "0 7 * * *"
    observe: str = ""
    observed: str = Field(
        default="propose", pattern="^(propose|auto)$", description="what becomes of such goals"
    )
    freeze: tuple[str, ...] = Field(
        default=(), description="windows without promotions: mon-fri 08:00-18:00"
    )
    grace_seconds: float = Field(default=300.0, ge=1)
    slow_after: int = Field(default=3, ge=1, description="rejections in a row")
    pause_after: int = Field(default=10, ge=1, description="rejections in a row")

    @field_validator("freeze")
    @classmethod
    def _windows(cls, windows: tuple[str, ...]) -> tuple[str, ...]:
        for text in windows:
            Window.parse(text)
        return windows


class Budgets(Section):
    """What all authors of a day may spend; a cycle's own limits stand in [author]."""

    day_tokens: int | None = Field(default=None, ge=1)
    day_money: float | None = Field(default=None, gt=0, description="by prices.toml")
    day_wall_seconds: float | None = Field(default=None, gt=0)
    disk_bytes: int | None = Field(default=None, ge=1, description="of the whole home")
