"""The verbs of goals: add, list, show, remove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from daemon.core.goal import Goal, Protocol
from daemon.state import goals
from daemon.state.journal import Journal
from daemon.supervisor.control import Answer, Verb
from fitness.acceptance import Acceptance
from ops.errors import Refused

Arguments = Mapping[str, Any]


@dataclass
class GoalVerbs:
    """Goals as people name them, checked before they are kept."""

    journal: Journal

    def table(self) -> dict[str, Verb]:
        return {
            "goal.add": self.add,
            "goal.list": self.list,
            "goal.show": self.show,
            "goal.remove": self.remove,
        }

    async def add(self, arguments: Arguments) -> Answer:
        goal = self.made(goals.new_id(self.journal), arguments)
        self.journal.save_goal(goal)
        return goal.model_dump(mode="json")

    def made(self, name: str, arguments: Arguments) -> Goal:
        known = ("text", "protocol", "module", "acceptance", "session")
        fields = {key: arguments.get(key) for key in known}
        try:
            if fields["acceptance"] is not None:
                Acceptance.model_validate(fields["acceptance"])
            if fields["protocol"] is not None:
                fields["protocol"] = Protocol(fields["protocol"])
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            text = f"the acceptance's {where}: {first['msg']}"
            raise Refused(text, "see: orgctl goal add --help") from error
        except ValueError as error:
            raise Refused(str(error), "protocols are: agent, rewrite") from error
        return goals.make(name, **fields)

    async def list(self, _: Arguments) -> Answer:
        done = goals.reached(self.journal)
        rows = [
            {"id": goal.id, "text": goal.text, "done": goal.id in done}
            for goal in self.journal.goals()
        ]
        return {"goals": rows}

    async def show(self, arguments: Arguments) -> Answer:
        return goals.find(self.journal, str(arguments.get("id"))).model_dump(mode="json")

    async def remove(self, arguments: Arguments) -> Answer:
        goal = goals.find(self.journal, str(arguments.get("id")))
        self.journal.remove_goal(goal.id)
        return {"id": goal.id, "removed": True}
