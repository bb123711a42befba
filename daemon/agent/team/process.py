"""A team as a process: inside a cell like a room, with the same line and the same doors."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daemon.agent.providers import ModelFault
from daemon.agent.room.members import Seat
from daemon.agent.room.outfit import Tools, providers, workspace_of
from daemon.agent.room.process import LINE_FD, Line
from daemon.agent.team.criteria import Criteria
from daemon.agent.team.joining import Unworkable
from daemon.agent.team.lead import Draft, Lead
from daemon.agent.team.plan import Plan
from daemon.agent.team.team import Team
from daemon.agent.team.work import Bench
from ops.errors import Failed, Refused, Trouble
from ops.sockets import LINE_BYTES_MAX


class Opening(BaseModel):
    """The first line. `entries` are those of an earlier start; `approved` by a person."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    seats: tuple[Seat, ...] = Field(min_length=1)
    lead: str
    task: str = Field(min_length=1)
    criteria: Criteria = Criteria()
    parallel: int = Field(default=4, ge=1, le=16)
    tools: tuple[str, ...] | None = None
    web: bool = False
    entries: tuple[dict[str, Any], ...] = ()
    approved: bool = False
    rules: str = ""


async def work(own: socket.socket) -> None:
    own.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=own, limit=LINE_BYTES_MAX)
    line = Line(writer)
    try:
        opening = Opening.model_validate_json(await reader.readline())
        line.tell("ready", seats=[one.name for one in opening.seats])
        await reader.readline()  # the word to begin
        outcome = await _worked(opening, line)
        line.tell("outcome", **outcome)
    except ValidationError as error:
        line.tell("trouble", **Refused(f"the team makes no sense: {error}").as_json())
    except Trouble as trouble:
        line.tell("trouble", **trouble.as_json())
    except (ModelFault, Unworkable) as fault:
        line.tell("trouble", **Failed(str(fault), "see: orgctl logs chat").as_json())
    line.tell("idle")
    await line.close()


async def _worked(opening: Opening, line: Line) -> dict[str, Any]:
    workspace, tools = workspace_of(opening.rules), Tools(opening.tools, opening.web)
    seats = {one.name: one for one in opening.seats}
    if opening.lead not in seats:
        raise Refused(f"the lead {opening.lead} is not in the team", "name a member")
    if workspace.kept is None:
        raise Refused("there is no folder for what the team does", "start it with: orgctl run")
    members = [one for one in opening.seats if one.name != opening.lead] or list(opening.seats)
    lead = Lead(seats[opening.lead], members, opening.criteria, providers(), workspace)
    draft = _known(opening) or await _planned(lead, opening, line)
    if draft.plan is None:
        raise Failed(draft.reasons[0], "say the task more plainly, or choose another lead")
    ask = opening.criteria.approve == "ask" or bool(draft.reasons)
    if ask and not opening.approved:
        return {"outcome": "awaiting-approval", "reasons": list(draft.reasons)}
    bench = Bench(providers(), tools.of, line.tell, workspace)
    team = Team(members, bench, line.tell, workspace.root, workspace.kept, opening.parallel)
    team.take_up(opening.entries)
    good = await team.work(draft.plan)
    return {"outcome": "done" if good else "failed", "reasons": []}


def _known(opening: Opening) -> Draft | None:
    """The plan of an earlier start."""
    for one in reversed(opening.entries):
        if one.get("kind") == "plan":
            return Draft(Plan.model_validate(one["plan"]), tuple(one["reasons"]))
    return None


async def _planned(lead: Lead, opening: Opening, line: Line) -> Draft:
    draft = await asyncio.to_thread(lead.plan, opening.task)
    if draft.plan is not None:
        entry = {
            "kind": "plan",
            "plan": draft.plan.model_dump(mode="json"),
            "reasons": draft.reasons,
            "tokens": draft.tokens,
        }
        line.tell("said", entry=entry)
    return draft


def main(_: list[str]) -> int:
    asyncio.run(work(socket.socket(fileno=LINE_FD)))
    return 0
