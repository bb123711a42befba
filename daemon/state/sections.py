"""Sections of the settings: what stands in all of them, and those of the night."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator

from daemon.core.clockwork import Window

PUBLIC_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/=]+( [^\n]*)?")


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(Section):
    """When what happens by itself: `every 30m`, or five fields of cron; empty is never."""

    cycles: str = ""
    verify: str = "37 4 * * *"
    gc: str = ""
    backup: str = ""
    canaries: str = ""
    report: str = "0 7 * * *"
    observe: str = ""
    observed: str = Field(
        default="propose", pattern="^(propose|auto|off)$", description="what becomes of such goals"
    )
    freeze: tuple[str, ...] = Field(
        default=(), description="windows without promotions: mon-fri 08:00-18:00"
    )
    grace_seconds: float = Field(default=300.0, ge=1)
    parallel: int = Field(default=1, ge=1, le=16, description="authors at once, a goal each")
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


class Notify(Section):
    """Who is told what, wherever they are; targets are apprise URLs, such as ntfy://topic."""

    targets: tuple[str, ...] = ()
    on: tuple[str, ...] = (
        *("promotion", "rollback", "approval", "streak", "pause"),
        *("report", "model", "budget", "wall", "stall", "job"),
    )


class Traces(Section):
    """Where model calls are told as OpenTelemetry spans: who asked which model, how long, how much.

    Never what was asked or answered. Off by default.
    """

    endpoint: str = Field(
        default="", description="OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces"
    )


class Signing(Section):
    """What org's merges, restores and tags are signed with; nothing by default."""

    key: str = Field(default="", description="an ed25519 private key file without a passphrase")
    allowed: tuple[str, ...] = Field(
        default=(), description="public keys that were used before, as `ssh-ed25519 AAAA…`"
    )

    @field_validator("allowed")
    @classmethod
    def _public(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            if PUBLIC_KEY.fullmatch(key) is None:
                raise ValueError(f"{key[:40]!r} is no public key, as `ssh-ed25519 AAAA…`")
        return keys


class Web(Section):
    """What :7001 lets whom do. Acts need a token with that scope in any case."""

    open: tuple[str, ...] = Field(
        default=("read", "chat"),
        description="scopes that callers on this machine need no token for",
    )
    hosts: tuple[str, ...] = Field(
        default=(), description="names it may be called by, beside addresses and localhost"
    )
    tools: str = Field(
        default="client",
        pattern="^(client|server)$",
        description="who runs the tools of a chat: the client, or org in a cell",
    )
    requests_per_second_max: float = Field(default=2000.0, gt=0, description="of one caller")
    connections_max: int = Field(default=2048, ge=8)
    drain_seconds: float = Field(
        default=10.0, ge=0, le=3600, description="for the last answers of a process that goes"
    )
