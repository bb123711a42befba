"""The lead: asked for a plan until one holds, told each time what is wrong with the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.agent.loop import End, Hooks, Run
from daemon.agent.messages import Message
from daemon.agent.prompts import prompt
from daemon.agent.room.members import Providers, Seat
from daemon.agent.team.criteria import Criteria, shortcomings
from daemon.agent.team.plan import Plan, problems
from daemon.agent.tools.tool import Result, Risk, Tool
from daemon.agent.workspace import Workspace

TRIES_MAX = 4


@dataclass
class Draft:
    """The best plan so far: a valid one, and why it falls short."""

    plan: Plan | None = None
    reasons: tuple[str, ...] = ()
    tokens: int = 0


@dataclass
class Lead:
    """`members` are those who may be given work."""

    seat: Seat
    members: Sequence[Seat]
    criteria: Criteria
    providers: Providers
    workspace: Workspace

    def plan(self, task: str) -> Draft:
        """A draft without a plan when none was valid. Raises ModelFault."""
        draft = Draft()

        def take(plan: Plan, _: Workspace) -> Result:
            wrong = problems(plan, [one.name for one in self.members])
            if wrong:
                return Result("not accepted: " + "; ".join(wrong), ok=False)
            draft.plan, draft.reasons = plan, tuple(shortcomings(plan, self.criteria))
            if draft.reasons:
                return Result("not accepted: " + "; ".join(draft.reasons), ok=False)
            return Result("accepted")

        def over() -> bool:
            return draft.plan is not None and not draft.reasons

        tool = Tool("plan", "Hand in the plan of all subtasks.", Risk.READS, Plan, take)
        provider = self.providers(self.seat.model, _nothing, _nothing)
        hooks = Hooks(_nothing, _nothing, _nothing, _nothing, _never, stopped=over)
        run = Run(provider, self.workspace, hooks, TRIES_MAX, tools=(tool,))
        run.messages = self._opening(task)
        end = run.until_end()
        draft.tokens = run.tokens
        if draft.plan is None:
            draft.reasons = (_why(end),)
        return draft

    def _opening(self, task: str) -> list[Message]:
        members = ", ".join(_who(one) for one in self.members)
        wishes = []
        if self.criteria.tests:
            wishes.append("Give each last subtask a `check`: a shell command that exits 0.")
        if self.criteria.tokens_max is not None:
            wishes.append(f"All `tokens` together stay below {self.criteria.tokens_max}.")
        said = prompt("team_lead").format(
            name=self.seat.name, members=members, wishes=" ".join(wishes)
        )
        system = f"{said}\n\n{self.seat.persona}\n\n{prompt('embedded')}"
        return [
            Message(role="system", content=system),
            Message(role="user", content=f"Task: {task}"),
        ]


def _nothing(*_: object) -> None:
    return


def _never() -> bool:
    return False


def _who(seat: Seat) -> str:
    first = seat.persona.strip().split("\n")[0]
    return f"{seat.name} ({first})" if first else seat.name


def _why(end: End) -> str:
    return f"no valid plan came: {end.reason}"
