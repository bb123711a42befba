"""Tell people, wherever they are, what they would want to be woken for; never too often."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from daemon.core.events import Kind
from daemon.core.release import Release
from daemon.supervisor.broker import boot_argv, log_file
from daemon.supervisor.schedule import FAILED
from daemon.supervisor.world import Event, World
from ops.errors import Trouble
from ops.processes import spawn

REQUEST_FD = 4
SEND_SECONDS = 60.0
STREAK = 5  # rejections in a row that are worth a word, and each further five
A_MINUTE_MAX = 6
AGAIN_SECONDS = 3600.0  # the same words are not said again so soon
TEXT_CHARS_MAX = 1000
WORTH = {"reverted": "rollback", "serving": "promotion"}
NOT_SENT = "a notice was not sent: "
# A job that went wrong, else notices by how they begin, else by a word that they hold.
JOB = re.compile(rf"schedule: \w+(: {FAILED}| stands still: )")
BEGINS = {
    NOT_SENT: None,  # nor is anything else of it told, whatever it holds
    "schedule: report: ": "report",
    "cycles are paused": "pause",
    "no model answers": "model",
    "the model answers again": "model",
    "cells are off": "wall",
    "current gives no answer": "stall",
    "current did not start again": "stall",
}
HOLDS = {"budget": "budget"}


@dataclass
class Notices:
    """Reads events, picks what was asked for, and has each sent by a process of its own.

    It listens from when it is made, so that what a start has to tell is heard, and for good: to
    watch can begin again.
    """

    world: World
    program: Release
    streak: int = 0
    sent: tuple[float, ...] = ()
    said: dict[str, float] = field(default_factory=dict)  # text -> when, of the last hour

    def __post_init__(self) -> None:
        self.ear = self.world.listen()

    async def watch(self) -> None:
        """Whom to tell what is asked anew each time: a person may have said otherwise."""
        while True:
            found = self.worth(await self.ear.get())
            wanted = self.world.settings.notify
            if found is None or not wanted.targets or found[0] not in wanted.on:
                continue
            if self._is_new(found[1]) and self._may():
                self.said[found[1]] = self.world.clock()
                await self._told(found[1])

    async def _told(self, text: str) -> None:
        """The next one may reach people, whatever became of this one."""
        try:
            why = None if await self.send(text) else "see: orgctl logs broker"
        except (Trouble, OSError) as trouble:
            why = str(trouble)
        if why is not None:
            self.world.tell(Kind.NOTICE, text=NOT_SENT + why)

    def _is_new(self, text: str) -> bool:
        now = self.world.clock()
        self.said = {one: at for one, at in self.said.items() if now - AGAIN_SECONDS < at <= now}
        return text not in self.said

    def worth(self, event: Event) -> tuple[str, str] | None:
        """Its kind in the words of the setting, and the sentence; None for all the rest."""
        kind, state = event["kind"], str(event.get("state"))
        if kind == "promotion.state" and state in WORTH:
            return WORTH[state], _promotion(event, state)
        if kind == "cycle.ended":
            return self._ended(event)
        text = str(event.get("text") or "")
        if kind != "notice":
            return None
        if JOB.match(text):
            return "job", text
        for start, name in BEGINS.items():
            if text.startswith(start):
                return (name, text) if name else None
        return next(((name, text) for word, name in HOLDS.items() if word in text), None)

    def _ended(self, event: Event) -> tuple[str, str] | None:
        outcome = event.get("outcome")
        self.streak = self.streak + 1 if outcome == "rejected" else 0
        if outcome == "awaiting-approval":
            return "approval", f"candidate {event['candidate']} waits: orgctl approve"
        if self.streak and self.streak % STREAK == 0:
            return "streak", f"{self.streak} candidates in a row were rejected: {event['reason']}"
        return None

    def _may(self) -> bool:
        now = self.world.clock()
        self.sent = tuple(at for at in self.sent if now - 60.0 < at <= now)
        if len(self.sent) >= A_MINUTE_MAX:
            return False
        self.sent = (*self.sent, now)
        return True

    async def send(self, text: str) -> bool:
        """Whether every target took it; what went wrong is in the broker's log."""
        targets = list(self.world.settings.notify.targets)
        asked = {"title": "org", "text": text[:TEXT_CHARS_MAX], "targets": targets}
        log = log_file(self.world, "broker")
        request = os.memfd_create("notice")
        try:
            os.write(request, json.dumps(asked).encode())
            os.lseek(request, 0, os.SEEK_SET)
            argv = boot_argv(self.program, "daemon.broker.notify")
            environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
            child = spawn(argv, environment=environment, fds={REQUEST_FD: request}, output=log)
        finally:
            os.close(request)
            os.close(log)
        try:
            return await asyncio.to_thread(child.wait, SEND_SECONDS) == 0
        finally:
            child.kill()
            child.close()


def _promotion(event: Mapping[str, Any], state: str) -> str:
    name = event.get("release") or "a release"
    if state == "reverted":
        return f"{name} was taken back: {event.get('reason') or 'by hand'}"
    return f"{name} serves, and is on probation"
