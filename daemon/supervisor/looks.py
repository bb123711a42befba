"""What :7001 may see: bounded, read-only views of one instance, beyond those of the verbs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from daemon.core import release as releases
from daemon.core.budget import total
from daemon.core.candidate import Candidate, Stage
from daemon.state import goals
from daemon.supervisor import budgets, views
from daemon.supervisor.control import Answer, Verb
from daemon.supervisor.promoter import Promoter
from daemon.supervisor.slots import Slots
from daemon.supervisor.world import World
from ops import logs, teams
from ops.errors import Exit, Refused
from ops.records import LogEntry

CANDIDATES_MAX = 500
STATES_MAX = 100_000
EVENTS_MAX = 1000
GATES_MAX = 5000
RELEASES_MAX = 500
DIFF_CHARS_MAX = 2**20
EVIDENCE_BYTES_MAX = 2**18
EVIDENCE_FILES_MAX = 500
LOG_LINES_MAX = 500
TEAMS_MAX = 100
DAY_SECONDS = 86_400.0
Arguments = Mapping[str, Any]


@dataclass
class Looks:
    """Each method answers one question; arguments come from promoted, so from untrusted, code."""

    world: World
    slots: Slots
    promoter: Promoter

    def table(self) -> dict[str, Verb]:
        """For orgctl, which draws and shows the same things."""
        kept = (
            self.now, self.states, self.gates, self.measures, self.releases, self.candidates,
            self.spent,
        )  # fmt: skip
        return {f"look.{one.__name__}": _verb(one) for one in kept}

    def now(self, _: Arguments) -> Answer:
        """`status`, and what a page shows beside it."""
        world = self.world
        found = views.status(world, self.slots, self.promoter)
        spent = sum(one.tokens for one in self._since(world.clock() - DAY_SECONDS))
        watched = self.promoter.watched
        return found | {
            "at": world.clock(),
            "goal": self._goal(found),
            "probation": {"seconds": world.settings.probation.seconds, **_watched(world)}
            if watched
            else None,
            "former": self.slots.former.tag if self.slots.former else None,
            "tokens_today": spent,
            "tokens_a_cycle_max": world.settings.author.tokens_max,
            "waiting": [
                views.row(one)
                for one in world.journal.open_candidates()
                if one.outcome() == "awaiting-approval" or str(one.state) == "judged"
            ],
            "model": {"base": world.settings.model.base, "name": world.settings.model.name},
        }

    def spent(self, _: Arguments) -> Answer:
        """Today's against the day's budget, and the newest candidates'; unknown money is None."""
        world = self.world
        newest = world.journal.archive(None, None, "", CANDIDATES_MAX)
        counted = {"promoted": sum(one.state is Stage.PROMOTED for one in newest)}
        return {
            "today": budgets.today(world).model_dump(),
            "day": budgets.day_limit(world).model_dump(),
            "newest": total(budgets.of(world, one) for one in newest).model_dump() | counted,
        }

    def teams(self, _: Arguments) -> Answer:
        """Those whose file can be read, with the members' models and personas."""
        layout, found = self.world.layout, []
        for name in teams.names(layout)[:TEAMS_MAX]:
            with contextlib.suppress(Refused):
                team = teams.read(layout, name)
                found.append({"name": name, "lead": team["lead"], "seats": team["seats"]})
        return {"teams": found}

    def _since(self, at: float) -> list[Candidate]:
        newest = self.world.journal.archive(None, None, "", CANDIDATES_MAX)
        return [one for one in newest if one.created >= at]

    def _goal(self, found: Mapping[str, Any]) -> str | None:
        cycle = found.get("cycle")
        candidate = self.world.journal.candidate(cycle["candidate"]) if cycle else None
        return candidate.goal if candidate else None

    def candidates(self, arguments: Arguments) -> Answer:
        limit = _number(arguments, "limit", 100, CANDIDATES_MAX)
        before, state = arguments.get("before"), arguments.get("state")
        found = self.world.journal.archive(
            str(before) if before else None,
            str(state) if state else None,
            str(arguments.get("text") or ""),
            limit + 1,
        )
        rows = [
            views.row(one) | {"base": one.base, "merge": one.merge, "model": one.model}
            for one in found[:limit]
        ]
        more = found[limit - 1].id if len(found) > limit else None
        return {"candidates": rows, "next": more, "counts": self.world.journal.counts()}

    def states(self, _: Arguments) -> Answer:
        rows = self.world.journal.states()[-STATES_MAX:]
        return {"states": [{"id": a, "state": b, "tokens": c} for a, b, c in rows]}

    def show(self, arguments: Arguments) -> Answer:
        name = str(arguments.get("candidate", ""))
        return views.show(self.world, name) | {"evidence": self._evidence_of(name)}

    def diff(self, arguments: Arguments) -> Answer:
        found = views.diff(self.world, str(arguments.get("candidate", "")))
        whole = found["diff"]
        return found | {"diff": whole[:DIFF_CHARS_MAX], "cut": len(whole) > DIFF_CHARS_MAX}

    def _evidence_of(self, name: str) -> list[str]:
        """The files below a candidate's evidence folder, relative to it."""
        root = self.world.layout.evidence / views.find(self.world, name).id
        found = []
        for folder, _, names in os.walk(root):
            found += [os.path.relpath(os.path.join(folder, one), root) for one in names]  # noqa: PTH118
            if len(found) > EVIDENCE_FILES_MAX:
                break
        return sorted(found)[:EVIDENCE_FILES_MAX]

    def evidence(self, arguments: Arguments) -> Answer:
        """The beginning of one file of evidence; no step of its path may be a link."""
        candidate = views.find(self.world, str(arguments.get("candidate", "")))
        parts = PurePosixPath(str(arguments.get("path", ""))).parts
        odd = not parts or any(part in ("..", "/", ".") or "\0" in part for part in parts)
        if odd:
            hint = "name one of those that are listed"
            raise Refused("that is no file of evidence", hint, Exit.ABSENT)
        here = os.open(self.world.layout.evidence / candidate.id, os.O_RDONLY | os.O_DIRECTORY)
        try:
            text, size = _read_below(here, parts)
        except OSError as error:
            text = f"no evidence {'/'.join(parts)}: {error.strerror}"
            raise Refused(text, "name one of those that are listed", Exit.ABSENT) from error
        return {"candidate": candidate.id, "path": "/".join(parts), "text": text, "bytes": size}

    def events(self, arguments: Arguments) -> Answer:
        limit = _number(arguments, "limit", 200, EVENTS_MAX)
        candidate, kind = arguments.get("candidate"), arguments.get("kind")
        name, kind = str(candidate) if candidate else None, str(kind) if kind else None
        if arguments.get("after") is not None:
            after = _number(arguments, "after", 0, 2**53)
            return {"events": self.world.journal.events(after, name, kind, limit)}
        return {"events": self.world.journal.last_events(limit, kind, name)}

    def gates(self, arguments: Arguments) -> Answer:
        """Every gate's word on every candidate, oldest first."""
        limit = _number(arguments, "limit", GATES_MAX, GATES_MAX)
        return {"gates": self.world.journal.last_events(limit, "gate.ended")}

    def releases(self, _: Arguments) -> Answer:
        """main's first parents, newest first: what was promoted, what was taken back, and why."""
        history, world = self.world.history, self.world
        entries = history.log(world.main(), first_parent=True, limit=RELEASES_MAX)
        tags = {}
        for prefix in (releases.RELEASE_TAGS, releases.ROLLBACK_TAGS):
            for ref, oid in history.refs(prefix).items():
                tags[oid] = ref.removeprefix("refs/tags/")
        outcomes = {one.release: one for one in reversed(world.journal.promotions(RELEASES_MAX))}
        rows = [_release(entry, tags) for entry in entries]
        for row in rows:
            promotion = outcomes.get(row["tag"]) if row["tag"] else None
            row["state"] = str(promotion.state) if promotion else None
            row["undone_because"] = promotion.reason if promotion else None
        return {"releases": [row for row in rows if row["tag"]], "serving": world.serving()}

    def measures(self, _: Arguments) -> Answer:
        """By promoted release, oldest first: how it compares with the one before, and how surely.

        A release whose gates measured nothing, or so long ago that it is forgotten, has no row.
        """
        rows = []
        for one in reversed(self.releases({})["releases"]):
            if one["kind"] != "promotion":
                continue
            said = self.world.journal.last_events(EVENTS_MAX, "gate.ended", one["candidate"])
            found = {name: row for gate in said for name, row in gate.get("measures", {}).items()}
            about = {"release": one["tag"], "candidate": one["candidate"], "at": one["at"]}
            rows += [about | {"name": name, **row} for name, row in found.items()]
        return {"measures": rows}

    def promotions(self, _: Arguments) -> Answer:
        found = self.world.journal.promotions(RELEASES_MAX)
        return {"promotions": [one.model_dump(mode="json") for one in found]}

    def goals(self, _: Arguments) -> Answer:
        done = goals.reached(self.world.journal)
        rows = [
            {"id": goal.id, "text": goal.text, "done": goal.id in done}
            for goal in self.world.journal.goals()
        ]
        return {"goals": rows}

    def log(self, arguments: Arguments) -> Answer:
        name = str(arguments.get("name") or "supervisor")
        lines, _ = logs.tail(logs.path_of(self.world.layout, name))
        return {"name": name, "names": list(logs.NAMES), "lines": lines[-LOG_LINES_MAX:]}


def _verb(look: Callable[[Arguments], Answer]) -> Verb:
    async def answer(arguments: Arguments) -> Answer:
        return look(arguments)

    return answer


def _watched(world: World) -> dict[str, Any]:
    """Since when the release under probation serves."""
    for event in reversed(world.journal.last_events(20, "promotion.state")):
        if event.get("state") == "serving":
            return {"since": event["at"], "release": event.get("release")}
    return {"since": None, "release": None}


def _release(entry: LogEntry, tags: Mapping[str, str]) -> dict[str, Any]:
    trailers = entry.trailers
    restores = trailers.get(releases.RESTORES)
    kind = "rollback" if restores else "promotion" if releases.CANDIDATE in trailers else "first"
    return {
        "kind": kind,
        "tag": tags.get(entry.oid),
        "commit": entry.oid,
        "at": entry.when,
        "candidate": trailers.get(releases.CANDIDATE),
        "goal": trailers.get(releases.GOAL),
        "reason": trailers.get(releases.REASON),
        "restores": tags.get(restores, restores) if restores else None,
    }


def _read_below(here: int, parts: tuple[str, ...]) -> tuple[str, int]:
    """Closes `here`. Text and whole size of a plain file, reached without following a link."""
    try:
        for part in parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        plain = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(parts[-1], plain, dir_fd=here), "rb") as found:
            data = found.read(EVIDENCE_BYTES_MAX)
            return data.decode("utf-8", "replace"), os.fstat(found.fileno()).st_size
    finally:
        os.close(here)


def _number(arguments: Arguments, name: str, default: int, most: int) -> int:
    value = arguments.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Refused(f"{name} must be a whole number from 0 to {most}", "")
    return value
