"""The room itself: who is to answer, one voice at a time, every word kept."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field

from daemon.agent.providers import ModelFault
from daemon.agent.room.lock import ChannelLock
from daemon.agent.room.members import AgentModel
from daemon.agent.room.mode import Mode, tagged
from daemon.agent.room.transcript import PERSON, Entry
from daemon.agent.room.voice import Interrupted, Tell, Voice
from ops.errors import Exit, Refused

HOPS_MAX = 3  # members who call each other: rounds until the person is asked again
TURN_SECONDS = 1800.0  # how long a member may wait for its turn


@dataclass
class Room:
    """`tell(event, **data)` says what happens; `said` entries are what is to be kept."""

    members: Sequence[AgentModel]
    channel: ChannelLock
    tell: Tell
    mode: Mode = field(default_factory=Mode)
    entries: list[Entry] = field(default_factory=list)
    _voice: Voice | None = None
    _over: asyncio.Future[Entry] | None = None
    _interrupted: bool = False

    def chat_mode(self, mode: str) -> None:
        """Where the person's next messages go. Raises Refused when nobody is called so."""
        parsed = Mode.parse(mode)
        if parsed.kind == "direct":
            self._find(parsed.target)
        self.mode = parsed
        self.tell("mode", mode=str(parsed))

    def _find(self, name: str) -> AgentModel:
        """By its name, else by its model when that is one member's only."""
        for one in self.members:
            if one.name.lower() == name.lower():
                return one
        of_model = [one for one in self.members if one.seat.model == name]
        if len(of_model) == 1:
            return of_model[0]
        there = ", ".join(one.name for one in self.members)
        raise Refused(f"nobody here is called {name}", f"there is: {there}", Exit.ABSENT)

    async def say(self, text: str) -> None:
        """What the person says, and every answer to it; returns when all have spoken."""
        names = [one.name for one in self.members]
        to: tuple[str, ...] = ()
        called = tagged(text, names)
        if self.mode.kind == "direct":
            called = [self._find(self.mode.target).name]
            to = tuple(called)
        self._keep(Entry(who=PERSON, text=text, to=to))
        if self.mode.kind == "file":
            called = called[:1] or names[:1]  # one file, one author
        self._interrupted = False
        await self._answers(called or names, self.mode)

    async def _answers(self, called: Sequence[str], mode: Mode) -> None:
        for _ in range(HOPS_MAX):
            before = len(self.entries)
            turns = [self._turn(self._find(name), mode) for name in called]
            went_on = await asyncio.gather(*turns)
            if not all(went_on) or mode.kind != "group":
                return
            called = self._called_by(self.entries[before:])
            if not called:
                return

    def _called_by(self, entries: Sequence[Entry]) -> list[str]:
        """Whom members called to answer; nobody calls himself."""
        found: list[str] = []
        for entry in entries:
            if entry.kind == "said" and not entry.to:
                names = [one.name for one in self.members if one.name != entry.who]
                found += [name for name in tagged(entry.text, names) if name not in found]
        return found

    async def _turn(self, member: AgentModel, mode: Mode) -> bool:
        """One member's answer, when the channel is its; False when the person took the word."""
        async with self.channel.hold(TURN_SECONDS, member.name):
            if self._interrupted:
                return False
            self._voice = voice = Voice(member.name, member.seat.model, self.tell, member.secret)
            self.tell("speaks", who=member.name, model=member.seat.model)
            try:
                entry = await self._spoken(member, voice)
            except Interrupted:
                text = voice.heard.strip() or "…"
                self._keep(Entry(who=member.name, text=text, kind="interrupted"))
                return False
            except ModelFault as fault:
                entry = Entry(who=member.name, text=fault.said, kind="failed")
            except Exception as bug:  # noqa: BLE001 - the door of a turn: the others have theirs
                text = f"it broke: {type(bug).__name__}: {bug}"
                entry = Entry(who=member.name, text=text, kind="failed")
            finally:
                self._voice = None
            self._keep(member.deliver(entry, mode))
            return True

    async def _spoken(self, member: AgentModel, voice: Voice) -> Entry:
        """Spoken in a thread of its own; one that was interrupted falls silent there."""
        others = [one.name for one in self.members if one is not member]
        loop = asyncio.get_running_loop()
        over: asyncio.Future[Entry] = loop.create_future()
        entries = list(self.entries)

        def told(how: Entry | Exception) -> None:
            if not voice.stopped.is_set():  # else nobody listens any more
                loop.call_soon_threadsafe(_end, over, how)

        def speak() -> None:
            try:
                told(member.speak(entries, others, voice))
            except (Interrupted, ModelFault) as end:
                told(end)
            except Exception as bug:  # noqa: BLE001 - it rises where the turn waits for it
                traceback.print_exc()  # first, since nobody waits for this thread
                told(bug)

        self._over = over
        threading.Thread(target=speak, name=f"voice-{member.name}", daemon=True).start()
        return await over

    def interject(self) -> None:
        """The person takes the word: who speaks stops, who waits does not begin."""
        self._interrupted = True
        if self._voice is not None and self._over is not None:
            self._voice.stopped.set()
            _end(self._over, Interrupted())

    def _keep(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.tell("said", entry=entry.model_dump(mode="json"))


def _end(over: asyncio.Future[Entry], how: Entry | Exception) -> None:
    if over.done():
        return  # what an interrupted member still says is not heard
    if isinstance(how, Exception):
        over.set_exception(how)
    else:
        over.set_result(how)
