"""Steering an agent at work: what a person says reaches it before its next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.core.events import Kind
from daemon.supervisor.control import Answer, Verb
from daemon.supervisor.cycle import Cycle
from ops.errors import Exit, Refused

TOLD_CHARS_MAX = 8_000


@dataclass
class Steering:
    """The verb `tell`."""

    cycle: Cycle

    def table(self) -> dict[str, Verb]:
        return {"tell": self.tell}

    async def tell(self, arguments: Mapping[str, Any]) -> Answer:
        """`now` drops what the model is saying; `stop` ends the run. Raises Refused."""
        text, stop = str(arguments.get("text") or "").strip(), bool(arguments.get("stop"))
        if not text and not stop:
            raise Refused("there is nothing to tell", "say it, or end the run with --stop")
        if len(text) > TOLD_CHARS_MAX:
            raise Refused(f"that is more than {TOLD_CHARS_MAX} characters", "say it shorter")
        name = self._name(arguments.get("candidate"))
        await self.cycle.authors[name].tell(tell=text, now=bool(arguments.get("now")), stop=stop)
        self.cycle.world.tell(Kind.NOTICE, name, text="a person spoke to the author")
        return {"candidate": name, "told": text, "stopped": stop}

    def _name(self, asked: object) -> str:
        """The candidate whose author is meant; the only one at work when none is named."""
        working = sorted(self.cycle.authors)
        if not working:
            raise Refused("no author is at work", "see: orgctl candidates", Exit.ABSENT)
        if asked is None and len(working) == 1:
            return working[0]
        if asked is None:
            text = f"{len(working)} authors are at work"
            raise Refused(text, f"name the candidate of one: {', '.join(working)}")
        if asked not in working:
            raise Refused(f"no author of {asked} is at work", f"at work: {', '.join(working)}")
        return str(asked)
