"""Teams and their members as models.

`agent/TEAM.MEMBER` is that member: its persona goes first, its model answers. `team/TEAM` asks
every member in turn, each hearing those before; the lead answers last, and its answer is the
team's. What the others say is streamed before it, where models put what they think.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.agent.prompts import prompt
from daemon.orchestrator.bodies import Wrong
from daemon.orchestrator.facts import Facts
from daemon.orchestrator.models import Models
from daemon.orchestrator.turns import Chunk, Round, asked, chunk_of, last

AGENT, TEAM = "agent/", "team/"
Body = dict[str, Any]
Seat = Mapping[str, str]


def is_own(body: Body) -> bool:
    return str(body.get("model") or "").startswith((AGENT, TEAM))


@dataclass(frozen=True)
class Ensemble:
    models: Models
    facts: Facts

    async def names(self) -> list[str]:
        """The ids on offer; none where this process is not told of teams."""
        if not self.facts.there:
            return []
        teams = (await self.facts.ask("teams"))["teams"]
        members = [f"{AGENT}{one['name']}.{seat['name']}" for one in teams for seat in one["seats"]]
        return [*(f"{TEAM}{one['name']}" for one in teams), *members]

    async def seat(self, body: Body) -> Body:
        """What the model of `agent/TEAM.MEMBER` is asked. Raises Wrong."""
        name, _, member = str(body["model"]).removeprefix(AGENT).partition(".")
        team = await self._team(name, body)
        seat = next((one for one in team["seats"] if one["name"] == member), None)
        if seat is None:
            raise _absent(body)
        return _as(seat, body)

    async def chunks(self, body: Body) -> AsyncIterator[Chunk]:
        """Everybody as they speak, the lead last; the last chunk has all usage. Raises Wrong."""
        team = await self._team(str(body["model"]).removeprefix(TEAM), body)
        seats = team["seats"]
        lead = next((one for one in seats if one["name"] == team["lead"]), seats[0])
        plain = {key: value for key, value in body.items() if not key.startswith("tool")}
        spent = {"prompt_tokens": 0, "completion_tokens": 0}
        said: list[str] = []
        for seat in seats:
            if seat is not lead:
                heard, mark = Round(), f"{seat['name']}: "
                async for chunk in asked(self.models, _as(seat, plain, said)):
                    if text := heard.saw(chunk):
                        delta = {"reasoning_content": mark + text}
                        yield chunk_of(heard.head | {"model": body["model"]}, delta)
                        mark = ""
                yield chunk_of(heard.head | {"model": body["model"]}, {"reasoning_content": "\n\n"})
                heard.add_to(spent)
                said.append(f"{seat['name']}: {heard.content}")
        answer = Round()
        async for chunk in asked(self.models, _as(lead, body, said)):
            answer.saw(chunk)
            if chunk.get("choices"):
                yield {**chunk, "model": body["model"]}
        answer.add_to(spent)
        yield last({**answer.head, "model": body["model"]}, None, spent)

    async def _team(self, name: str, body: Body) -> Mapping[str, Any]:
        teams = (await self.facts.ask("teams"))["teams"]
        found = next((one for one in teams if one["name"] == name), None)
        if found is None:
            raise _absent(body)
        return dict(found)


def _absent(body: Body) -> Wrong:
    return Wrong(f"there is no model {body['model']}", "model_not_found", 404, "model")


def _as(seat: Seat, body: Body, said: list[str] | None = None) -> Body:
    """The same question to this member, who knows what the others said."""
    told = [seat["persona"]] if seat["persona"] else []
    told += [prompt("team_answer").replace("{said}", "\n\n".join(said))] if said else []
    messages = [*({"role": "system", "content": text} for text in told), *body["messages"]]
    model = {"model": seat["model"]} if seat["model"] else {}
    rest = {key: value for key, value in body.items() if key != "model"}
    return {**rest, **model, "messages": messages, "stream": True}
