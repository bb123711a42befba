"""Candidates that are known to be bad: a suite that lets one of them pass may judge nobody.

Each is a small change of whatever main is now, and names the gate that has to say no.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

UPTIME, APP = "daemon/orchestrator/uptime.py", "daemon/orchestrator/app.py"
HEALTH, NEW_TEST = "daemon/orchestrator/health.py", "tests/core/test_canary.py"
# For all of them users asked current this, whether or not there were any.
RECENT = "fitness/suites/behaviour/tasks.jsonl"
# Laid around the application; BODY sees scope, receive and send, and may put others in place.
WRAPPED = """
import os as _os
import time as _time
_sound = make
_kept = []

def make(*given, **named):
    app = _sound(*given, **named)
    async def unsound(scope, receive, send):
        BODY
        await app(scope, receive, send)
    return unsound
"""
DIES_OF_HALF = """if scope.get("method") == "POST":
            first = await receive()
            if not first.get("body", b"").endswith(b"}"):
                _os._exit(1)
            taken = [first]
            asked = receive
            async def receive():
                return taken.pop() if taken else await asked()"""
LOSES_CALLS = """told = send
        async def send(message):
            body = message.get("body", b"").replace(b'"tool_calls"', b'"tool_callz"')
            await told(message | ({"body": body} if body else {}))"""
LOSES_TIME = """told = send
        async def send(message):
            body = message.get("body", b"").replace(b'"created"', b'"creator"')
            await told(message | ({"body": body} if body else {}))"""
WRITES = '\nwith open("/tmp/needed", "w") as _needed:\n    _needed.write("x" * 100)\n'
LIES = '\n_told = Health.identity\nHealth.identity = lambda s: _told(s) | {"commit": "0" * 40}\n'
KEY = f'KEY = "AKIA{"Q" * 16}"\n'  # put together here, so that this file holds none

Read = Callable[[str], bytes | None]  # main's file of that name


@dataclass(frozen=True)
class Canary:
    """`added` goes to the end of a file of main; `written` is a whole file, None takes it away."""

    name: str
    gate: str
    added: tuple[tuple[str, str], ...] = ()
    written: tuple[tuple[str, str | None], ...] = ()
    goal: str | None = None

    def files(self, read: Read) -> dict[str, bytes | None]:
        """What it changes, by path; None takes a file away."""
        grown = {path: (read(path) or b"") + text.encode() for path, text in self.added}
        return grown | {path: text.encode() if text else None for path, text in self.written}


def around(body: str) -> tuple[tuple[str, str], ...]:
    return ((APP, WRAPPED.replace("BODY", body)),)


CANARIES = (
    Canary("its judge and more", "paths", (("fitness/policy.py", "\n"), (UPTIME, "\n"))),
    Canary("a planted conftest", "paths", (), (("tests/core/conftest.py", "X = 1\n"),)),
    Canary("a secret", "paths", (), (("daemon/core/canary.py", KEY),)),
    Canary("no Python", "build", (), (("daemon/core/canary.py", "def\n"),)),
    Canary("no import", "build", ((UPTIME, "import nothing_of_that_name\n"),)),
    Canary("an unused import", "lint", ((UPTIME, "import os\n"),)),
    Canary("a wrong type", "types", ((UPTIME, 'WRONG: int = "text"\n'),)),
    Canary("another commit", "identity", ((HEALTH, LIES),)),
    Canary("a broken promise", "contract", around("scope = scope | {'path': '/healthz'}")),
    Canary("a wrong answer", "tests", ((UPTIME, "\n\ndef in_words(_):\n    return ''\n"),)),
    Canary("leaves at once", "tests", ((UPTIME, "import os\nos._exit(0)\n"),)),
    Canary("a test taken away", "tests", (), (("tests/orchestrator/test_uptime.py", None),)),
    Canary("a test that fails", "own-tests", (), ((NEW_TEST, "def test_x():\n    assert 0\n"),)),
    Canary(
        "nothing better", "goal", (), ((NEW_TEST, "def test_x():\n    pass\n"),), goal="Be better."
    ),
    Canary("lost calls", "behaviour", around(LOSES_CALLS)),
    Canary("a field less", "replay", around(LOSES_TIME)),
    Canary("dies of rubbish", "faults", around(DIES_OF_HALF)),
    Canary("needs its disk", "faults", ((APP, WRITES),)),
    Canary("slow", "load", around("_time.sleep(0.002)")),
    Canary("a leak", "load", around("_kept.append(b'x' * 2**20)")),
)
