"""What a reply asks for: declared calls first, then those in its text; one in both counts once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from daemon.agent.extraction import Fault, extract
from daemon.agent.messages import Call, Message
from daemon.agent.providers import Reply


@dataclass(frozen=True)
class Reading:
    """`faults` are calls that could not be read; `prose` is what stands around the calls."""

    calls: list[Call]
    faults: tuple[Fault, ...]
    prose: str

    def told(self) -> list[Message]:
        """Calls that could not be read, as the model is told of them."""
        return [
            Message(role="user", content=f"[{fault.name or 'call'}]\nerror: {fault.why}")
            for fault in self.faults
        ]


def read(reply: Reply, schemas: Sequence[dict[str, Any]], loose: bool) -> Reading:
    if not reply.content.strip():
        return Reading(list(reply.calls), (), "")
    found = extract(reply.content, schemas, reply.model or None, loose=loose)
    calls = list(reply.calls)
    for call in found.calls:
        embedded = Call(id="", name=call.name, arguments=json.dumps(call.arguments))
        if not any(embedded.same_as(one) for one in reply.calls):
            calls.append(embedded)  # what comes again in the text, the loop answers from before
    return Reading(calls, tuple(found.faults), found.content)
