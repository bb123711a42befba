"""What a reply asks for: declared calls first, then those in its text; one in both counts once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from daemon.agent.extraction import Fault, extract
from daemon.agent.messages import Call
from daemon.agent.providers import Reply


@dataclass(frozen=True)
class Reading:
    """`faults` are calls that could not be read; `prose` is what stands around the calls."""

    calls: list[Call]
    faults: tuple[Fault, ...]
    prose: str


def read(reply: Reply, schemas: Sequence[dict[str, Any]], loose: bool) -> Reading:
    if not reply.content.strip():
        return Reading(list(reply.calls), (), "")
    found = extract(reply.content, schemas, reply.model or None, loose=loose)
    embedded = [
        Call(id="", name=call.name, arguments=json.dumps(call.arguments)) for call in found.calls
    ]
    calls = list(reply.calls)
    calls += [one for one in embedded if not any(one.same_as(call) for call in reply.calls)]
    return Reading(calls, tuple(found.faults), found.content)
