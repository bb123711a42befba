"""The verbs of tokens: add, list, remove; only the owner reaches them, by the control socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.state.tokens import Tokens, Wanted
from daemon.supervisor import views
from daemon.supervisor.control import Answer, Verb
from daemon.supervisor.world import World
from ops.errors import Exit, Refused

Arguments = Mapping[str, Any]


def tokens_of(world: World) -> Tokens:
    return Tokens(world.layout.state / "tokens.json")


@dataclass
class TokenVerbs:
    world: World

    def table(self) -> dict[str, Verb]:
        return {"token.add": self.add, "token.list": self.list, "token.remove": self.remove}

    async def add(self, arguments: Arguments) -> Answer:
        """The answer holds the secret, this once."""
        scopes, hours = arguments.get("scopes"), arguments.get("hours")
        approves = arguments.get("approves")
        if approves is not None:
            approves = views.find(self.world, str(approves)).id
        if not isinstance(scopes, list) or not isinstance(hours, int | float | None):
            raise Refused("that is no token", "see: orgctl token add --help", Exit.MISUSE)
        name = str(arguments.get("name", ""))
        wanted = Wanted(name, [str(scope) for scope in scopes], hours, approves)
        secret, token = tokens_of(self.world).add(wanted, self.world.clock())
        return token.view() | {"token": secret}

    async def list(self, _: Arguments) -> Answer:
        return {"tokens": [token.view() for token in tokens_of(self.world).all()]}

    async def remove(self, arguments: Arguments) -> Answer:
        token = tokens_of(self.world).remove(str(arguments.get("name", "")))
        return token.view() | {"removed": True}
