"""What the instance's owner allows on this port, as the supervisor hands it over."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BROKER, FACTS, WEB = "ORG_BROKER", "ORG_FACTS", "ORG_WEB"


@dataclass(frozen=True)
class Terms:
    """`open` holds the scopes for which callers on this machine need no token."""

    open: frozenset[str] = frozenset({"read", "chat"})
    hosts: frozenset[str] = frozenset()
    tools: str = "client"
    requests_per_second_max: float = 2000.0
    connections_max: int = 2048
    drain_seconds: float = 10.0
    broker: str | None = None
    facts: str | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Terms:
        """From the environment; what an older supervisor does not say has its default."""
        said: dict[str, Any] = json.loads(environment.get(WEB) or "{}")
        plain = ("tools", "requests_per_second_max", "connections_max", "drain_seconds")
        known: dict[str, Any] = {key: said[key] for key in plain if key in said}
        known |= {key: frozenset(said[key]) for key in ("open", "hosts") if key in said}
        return cls(broker=environment.get(BROKER), facts=environment.get(FACTS), **known)
