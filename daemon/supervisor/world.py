"""Everything one supervisor owns and every act of it needs: paths, settings, git, journal, ears."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from daemon.core import release as releases
from daemon.core.events import Kind
from daemon.core.release import Point
from daemon.state import schema
from daemon.state.journal import Journal
from daemon.state.settings import RepoSettings, Settings, load, load_repo
from ops import journald
from ops.errors import Refused, Trouble
from ops.history import History
from ops.layout import Layout
from ops.masking import mask_at

INSTANCE_SCHEMA = 1
EAR_EVENTS_MAX = 10_000
REPO_SETTINGS = "org.toml"
Event = dict[str, Any]


class Instance(BaseModel):
    """An instance's birth record."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    schema_number: int = INSTANCE_SCHEMA
    kind: Literal["org", "repo"]
    program: Path | None = None  # org's own code, when the evolved repo is another
    python: Path | None = None


def read_instance(layout: Layout) -> Instance:
    """Raises Refused when there is none, or when a newer org made it."""
    try:
        found = Instance.model_validate_json(layout.instance.read_bytes())
    except FileNotFoundError as error:
        raise Refused(f"no instance at {layout.home}", "make one with: orgctl init") from error
    if found.schema_number > INSTANCE_SCHEMA:
        raise Refused(
            f"{layout.home} was made by a newer org (schema {found.schema_number})",
            "run the newer org, or name another home with --home",
        )
    return found


@dataclass
class World:
    """One per process; `clock` gives unix seconds, `steady` seconds that nobody sets."""

    layout: Layout
    settings: Settings
    instance: Instance
    history: History
    journal: Journal
    clock: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    ears: set[asyncio.Queue[Event]] = field(default_factory=set)
    points: dict[str, Point] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    last_progress: float = field(default_factory=time.monotonic)
    lost: str | None = None  # what became of the journal that was here before
    unsigned: Refused | None = None  # why nothing can be signed although it should be
    give_up: Callable[[Trouble], None] = lambda _: None  # end, and be started again

    @classmethod
    def open(cls, home: Path) -> World:
        """A journal that is broken is set aside; `lost` tells why, and git what was in it."""
        layout = Layout(home)
        instance = read_instance(layout)
        broken = schema.is_broken(layout.journal)
        lost = f"{broken}; it is kept as {schema.set_aside(layout.journal)}" if broken else None
        history, journal = History(layout.repo), Journal(layout.journal)
        return cls(layout, load(home), instance, history, journal, lost=lost)

    # What git says

    def main(self) -> str:
        head = self.history.find(releases.MAIN)
        if head is None:
            raise Refused(f"{self.layout.repo} has no main", "restore a backup of the home")
        return head

    def point(self, commit: str) -> Point:
        """Commits never change, so what was read once is kept."""
        if commit not in self.points:
            parents = self.history.parents(commit)
            self.points[commit] = Point(commit, parents, self.history.trailers(commit))
        return self.points[commit]

    def serving(self) -> str:
        return releases.serving(self.main(), self.point)

    def tag_of(self, commit: str) -> str | None:
        """The `release/<n>` that names `commit`."""
        tags = self.history.refs(releases.RELEASE_TAGS)
        named = [ref for ref, oid in tags.items() if oid == commit]
        return min(named).removeprefix("refs/tags/") if named else None

    def repo_settings(self, commit: str) -> RepoSettings:
        text = self.history.read(commit, REPO_SETTINGS) or b""
        origin = Path(f"{REPO_SETTINGS}@{commit[:12]}")
        return load_repo(text.decode("utf-8", "replace"), origin)

    # What people hear

    def own_rules(self) -> str:
        """A person's rules beside the shipped ones; without the file there are none."""
        path = self.layout.home / "rules.toml"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def tell(self, kind: Kind, candidate: str | None = None, **data: Any) -> None:
        """Journal an event, secrets masked, then hand it to every ear; a slow ear loses its oldest.

        What happened has happened: that it cannot be written down stops nobody.
        """
        self.last_progress = time.monotonic()
        data = mask_at(self.layout.state).inside(data)
        event: Event = {"at": self.clock(), "kind": str(kind), "candidate": candidate, **data}
        try:
            number = self.journal.add_event(event["at"], str(kind), candidate, data)
            event = {"number": number, **event}
            self._log(event)
        except (Trouble, OSError) as error:
            print(f"supervisor: an event is lost: {error}: {event}", file=sys.stderr, flush=True)
        for ear in self.ears:
            if ear.full():
                ear.get_nowait()
            ear.put_nowait(event)

    def _log(self, event: Event) -> None:
        room = {"author": "agents", "gate": "gates"}.get(str(event["kind"]).split(".")[0])
        with (self.layout.logs / f"{room or 'supervisor'}.log").open("a", encoding="utf-8") as log:
            log.write(json.dumps(event) + "\n")
        if journald.listens():
            journald.send(json.dumps(event), event)

    def listen(self) -> asyncio.Queue[Event]:
        ear: asyncio.Queue[Event] = asyncio.Queue(EAR_EVENTS_MAX)
        self.ears.add(ear)
        return ear

    def deafen(self, ear: asyncio.Queue[Event]) -> None:
        self.ears.discard(ear)
