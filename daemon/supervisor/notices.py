"""Tell people, wherever they are, what they would want to be woken for; never too often."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.core.release import Release
from daemon.supervisor.broker import boot_argv, log_file
from daemon.supervisor.world import Event, World
from ops.processes import spawn

REQUEST_FD = 4
SEND_SECONDS = 60.0
STREAK = 5  # rejections in a row that are worth a word, and each further five
A_MINUTE_MAX = 6
TEXT_CHARS_MAX = 1000
WORTH = {"reverted": "rollback", "serving": "promotion"}
# Notices by how they begin, else by a word that they hold.
BEGINS = {
    "schedule: report: ": "report",
    "cycles are paused": "pause",
    "no model answers": "model",
    "the model answers again": "model",
}
HOLDS = {"budget": "budget", "walls": "wall", "stalled": "stall"}


@dataclass
class Notices:
    """Reads events, picks what was asked for, and has each sent by a process of its own."""

    world: World
    program: Release
    streak: int = 0
    sent: tuple[float, ...] = ()

    async def watch(self) -> None:
        wanted = self.world.settings.notify
        if not wanted.targets:
            return
        ear = self.world.listen()
        try:
            while True:
                found = self.worth(await ear.get())
                if found is not None and found[0] in wanted.on and self._may():
                    await self.send(found[1])
        finally:
            self.world.deafen(ear)

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
        for start, name in BEGINS.items():
            if text.startswith(start):
                return name, text
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
        request, log = os.memfd_create("notice"), log_file(self.world, "broker")
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
