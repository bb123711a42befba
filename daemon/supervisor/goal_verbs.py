"""The verbs of goals: add, list, show, remove, reorder, accept, retry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from daemon.core.events import Kind
from daemon.core.goal import Goal, Protocol
from daemon.core.project import State
from daemon.state import goals, projects
from daemon.supervisor.control import Answer, Verb
from daemon.supervisor.world import World
from fitness.acceptance import Acceptance
from ops import goal_files
from ops.errors import Refused

Arguments = Mapping[str, Any]
BROKEN = "broken-goals"  # what was told of last
FIELDS = (
    "text",
    "priority",
    "protocol",
    "module",
    "paths",
    "tries",
    "budget",
    "acceptance",
    "session",
)


@dataclass
class GoalVerbs:
    """Goals as people name them, checked before they are kept."""

    world: World

    def table(self) -> dict[str, Verb]:
        return {
            "goal.add": self.add,
            "goal.list": self.list,
            "goal.show": self.show,
            "goal.remove": self.remove,
            "goal.reorder": self.reorder,
            "goal.accept": self.accept,
            "goal.retry": self.retry,
        }

    async def add(self, arguments: Arguments) -> Answer:
        goal = self.made(goals.new_id(self.world.journal), arguments)
        self.world.journal.save_goal(goal)
        return goal.model_dump(mode="json")

    def made(self, name: str, arguments: Arguments) -> Goal:
        return goals.make(name, **checked(known(arguments, (*FIELDS, *Goal.model_fields))))

    def take_from_repo(self) -> dict[str, str]:
        """The goals/ folder on main; an instance of org itself has none.

        What cannot be read there is passed over and told, once; gives it: name -> why.
        """
        world = self.world
        if world.instance.kind != "repo":
            return {}
        table: dict[str, dict[str, Any]] = {}
        broken: dict[str, str] = {}
        for file, data in goal_files.apart(folder_of(world, world.main())).items():
            try:
                for name, fields in goal_files.read(data).items():
                    whole = checked(known(fields, FIELDS))
                    goals.of_repo(name, whole)
                    table[name] = whole
            except Refused as refusal:
                broken[file] = refusal.message
        goals.take_from_repo(world.journal, table, {PurePosixPath(file).stem for file in broken})
        self._tell(broken)
        return broken

    def _tell(self, broken: dict[str, str]) -> None:
        text = json.dumps(broken, sort_keys=True)
        if text == (self.world.journal.fact(BROKEN) or "{}"):
            return
        self.world.journal.set_fact(BROKEN, text)
        for file, why in broken.items():
            told = f"the goal {goal_files.FOLDER}/{file} is passed over: {why}"
            self.world.tell(Kind.NOTICE, text=told)

    async def list(self, _: Arguments) -> Answer:
        broken = self.take_from_repo()
        done = goals.reached(self.world.journal)
        rows = [self._row(goal, done) for goal in goals.ordered(self.world.journal)]
        return {"goals": rows, "broken": broken}

    def _row(self, goal: Goal, done: frozenset[str]) -> Answer:
        project = projects.find(self.world.journal, goal.id)
        state = State.COMPLETE if goal.id in done else project.state
        return {
            "id": goal.id,
            "text": goal.text,
            "done": goal.id in done,
            "state": "proposed" if goal.proposed else str(state),
            "reason": project.reason,
            "priority": goal.priority,
            "tries": project.tries,
            "tokens": project.tokens,
        }

    async def show(self, arguments: Arguments) -> Answer:
        goal = goals.find(self.world.journal, str(arguments.get("id")))
        project = projects.find(self.world.journal, goal.id).model_dump(mode="json")
        for idea in project["blocked"]:
            idea.pop("tokens")
        return goal.model_dump(mode="json") | {"project": project}

    async def remove(self, arguments: Arguments) -> Answer:
        goal = goals.find(self.world.journal, str(arguments.get("id")))
        if goal.source is not None:
            raise Refused(f"{goal.id} comes from {goal.source}", "remove that file from the repo")
        self.world.journal.remove_goal(goal.id)
        return {"id": goal.id, "removed": True}

    async def reorder(self, arguments: Arguments) -> Answer:
        goals.reorder(self.world.journal, [str(name) for name in arguments.get("ids") or ()])
        return await self.list({})

    async def accept(self, arguments: Arguments) -> Answer:
        """A goal that org proposed becomes one that it works on."""
        goal = goals.find(self.world.journal, str(arguments.get("id")))
        goal = goal.model_copy(update={"proposed": False})
        self.world.journal.save_goal(goal)
        return goal.model_dump(mode="json")

    async def retry(self, arguments: Arguments) -> Answer:
        """A blocked goal is taken up again; what was learned stays."""
        goal = goals.find(self.world.journal, str(arguments.get("id")))
        project = projects.find(self.world.journal, goal.id)
        if project.state is not State.BLOCKED:
            raise Refused(f"{goal.id} is not blocked", "see: orgctl goal list")
        project = project.to(State.PLANNING).model_copy(update={"tries": 0})
        projects.save(self.world.journal, project)
        return {"id": goal.id, "state": str(project.state)}


def known(arguments: Arguments, names: Sequence[str]) -> Arguments:
    """Raises Refused for a field that no goal has: it may be a misspelt one."""
    unknown = sorted(set(arguments) - set(names))
    if unknown:
        raise Refused(f"a goal has no {unknown[0]!r}", f"it has: {', '.join(FIELDS)}")
    return arguments


def checked(arguments: Arguments) -> dict[str, Any]:
    """The fields of a goal. Raises Refused for an acceptance or protocol that makes no sense."""
    fields = {key: arguments.get(key) for key in FIELDS if arguments.get(key) is not None}
    try:
        if "acceptance" in fields:
            Acceptance.model_validate(fields["acceptance"])
        if "protocol" in fields:
            fields["protocol"] = Protocol(str(fields["protocol"]))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        text = f"the acceptance's {where}: {first['msg']}"
        raise Refused(text, "see: orgctl goal add --help") from error
    except ValueError as error:
        raise Refused(str(error), "protocols are: agent, rewrite") from error
    return fields


def folder_of(world: World, commit: str) -> dict[str, bytes]:
    """Path below goals/ -> bytes, on `commit`."""
    prefix = f"{goal_files.FOLDER}/"
    entries = [
        entry
        for entry in world.history.listing(commit)
        if entry.path.startswith(prefix) and entry.size <= goal_files.FILE_BYTES_MAX
    ]
    blobs = world.history.blobs([entry.oid for entry in entries]) if entries else []
    return {
        entry.path.removeprefix(prefix): blob for entry, blob in zip(entries, blobs, strict=True)
    }
