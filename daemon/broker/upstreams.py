"""All endpoints of an instance: the main one, and those with names of their own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.broker.upstream import Upstream
from daemon.broker.web import Web
from daemon.state.prices import BETWEEN, full_name
from daemon.state.settings import Model, Settings


@dataclass
class Upstreams:
    """Asked by a model's name; what names no provider goes to the main one."""

    main: Upstream
    named: dict[str, Upstream] = field(default_factory=dict)
    web: Web = field(default_factory=Web)

    @classmethod
    def open(cls, settings: Settings, state: Path) -> Upstreams:
        named = {name: Upstream.open(one, state) for name, one in settings.providers.items()}
        return cls(Upstream.open(settings.model, state), named, Web(settings.fetch.allow))

    @property
    def model(self) -> Model:
        return self.main.model

    def chosen(self, asked: object) -> tuple[Upstream, str]:
        """The endpoint for a model's name, and what it is called there."""
        whole = str(asked or "")
        name, _, rest = whole.partition(BETWEEN)
        if name in self.named:
            return self.named[name], rest or self.named[name].model.name
        return self.main, whole

    def called(self, asked: object, models: frozenset[str]) -> str:
        """The full name of the model that answers, as settings and prices know it.

        `models` are those that whoever opened the door named for it.
        """
        providers = {name: one.model for name, one in self.named.items()}
        return full_name(str(asked or ""), self.main.model, providers, models)

    async def models(self) -> list[str]:
        """What may be asked for. Raises Fault when the main endpoint does not answer."""
        own = [f"{name}{BETWEEN}{one.model.name}" for name, one in self.named.items()]
        return [*await self.main.models(), *(name.rstrip(BETWEEN) for name in own)]

    async def context(self, asked: str) -> int | None:
        """How many tokens the model of this name takes, if anybody tells. Raises Fault."""
        upstream, model = self.chosen(asked)
        return await upstream.context(model)

    async def chunks(
        self, body: Mapping[str, Any], chosen: bool = False
    ) -> AsyncGenerator[dict[str, Any], None]:
        """`chosen` when whoever opened the door named the body's model for it."""
        upstream, model = self.chosen(body.get("model"))
        async with aclosing(upstream.chunks({**body, "model": model}, chosen)) as chunks:
            async for chunk in chunks:
                yield chunk

    @property
    def secrets(self) -> list[str]:
        """Every key, for those who write."""
        return [one.key for one in (self.main, *self.named.values()) if one.key]

    async def retire(self) -> None:
        for one in (self.main, *self.named.values()):
            await one.retire()
