"""Candidates and authors that want out of their cells, or want to take the machine down."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any

import httpx
import psutil
import pytest

from tests.attacks import probes
from tests.attacks.ground import Ground
from tests.attacks.table import shows

MODULE = "daemon/orchestrator/uptime.py"
PROCESS = "daemon/orchestrator/process.py"
GONE_SECONDS = 2.0
LATE_MS = 5_000.0  # of current's users, on a machine that is under attack
STOP = "touch conftest.py"  # what ends the judging at once, where only the author is of interest


def probed(ground: Ground, *parts: str, **values: object) -> dict[str, Any]:
    """What the attempts said of themselves, as the author's cell left it in its branch."""
    told = ground.evolved(probes.script(*parts, **values), STOP)
    head = ground.home.git("rev-parse", f"cand/{told['candidate']}")
    return dict(json.loads(ground.home.git("show", f"{head}:probe.json")))


def won(told: dict[str, Any]) -> list[str]:
    assert len(told) > 5, told
    return [name for name, succeeded in told.items() if succeeded is True]


def alive(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in " ".join(process.cmdline()):
                found.append(process)
    return found


def gone(mark: str) -> bool:
    """Within the time that a cell's end may take."""
    deadline = time.monotonic() + GONE_SECONDS
    while alive(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(mark)


SQUATS = """
import os, socket, sys

if "pytest" not in sys.modules and "--slot" in sys.argv and os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    import signal
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.bind(("0.0.0.0", PORT))
    own.listen()
    listening = socket.socket(fileno=os.dup(3))
    listening.setblocking(True)
    while True:
        try:
            connection, _ = listening.accept()
            connection.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 8\\r\\n\\r\\nsquatted")
            connection.close()
        except OSError:
            pass
"""


@shows("C8")
def test_a_child_left_behind_serves_nobody(attacked: Ground) -> None:
    """Neither on the candidate's socket nor on current's port, of which it has its own."""
    text = SQUATS.replace("PORT", str(attacked.home.current))
    card = attacked.judged(attacked.hostile(MODULE, text), "identity")
    assert card["gates"], card
    for _ in range(5):
        answer = attacked.home.get("/healthz", slot="candidate")
        assert (answer.status_code, answer.json()["status"]) == (503, "empty")
        assert attacked.home.get("/healthz").json()["slot"] == "current"
    assert gone(f"{attacked.home.path}/releases/{card['commit']}")


FLEES = {
    "sessions of their own": "(setsid sh -c 'trap \"\" TERM HUP; sleep {m} & sleep {m}' &)",
    "a thousand": "for i in $(seq 1000); do sleep {m} & done",
    "forks in a loop": "f() {{ while :; do sleep {m} & done; }}; f & f & sleep 1",
}


@shows("C9", "C23")
@pytest.mark.parametrize("name", FLEES)
def test_what_an_authors_command_starts_ends_with_it(attacked: Ground, name: str) -> None:
    """The tools' sweep, the limit on processes, and the cell's end leave nothing."""
    mark = f"77{os.getpid()}{list(FLEES).index(name)}"
    attacked.evolved(FLEES[name].format(m=mark), STOP)
    assert gone(mark)


FILLS = {
    "memory": "python3 -c 'x = [bytearray(2**28) for _ in range(40)]'; touch lived",
    "the disk": "i=0; while [ $i -lt 300 ]; do i=$((i+1)); head -c 8M /dev/zero >$i || exit; done",
    "tmp": "head -c 9G /dev/zero >/tmp/x; head -c 9G /dev/zero >/dev/shm/x; touch lived",
    "descriptors": "python3 -c 'x = [open(\"/dev/null\") for _ in range(99999)]'; touch lived",
    "output": "yes | head -c 1G; touch lived",
}


@shows("C10", "C23")
@pytest.mark.parametrize("name", FILLS)
def test_what_a_command_takes_is_its_own(attacked: Ground, name: str) -> None:
    """It meets its limit inside; what must be kept for others is there."""
    free = psutil.virtual_memory().available
    told = attacked.evolved(FILLS[name], STOP)
    assert told["outcome"] in ("rejected", "abandoned")
    assert psutil.virtual_memory().available > free - 2 * 2**30
    assert psutil.disk_usage(str(attacked.home.path)).free > 2**30


TALKS = """
import sys

if "pytest" not in sys.modules and "--slot" in sys.argv:
    line = "x" * 2**20
    for _ in range(1024):
        sys.stdout.write(line)
"""


@shows("C10")
def test_an_endless_line_in_a_log_is_cut(attacked: Ground) -> None:
    """The log ends at its limit, and the next candidate has one of its own to write to."""
    attacked.judged(attacked.hostile(MODULE, TALKS), "identity")
    logs = list((attacked.home.path / "logs").iterdir())
    most = 64 * 2**20
    assert max(log.stat().st_size for log in logs) <= most
    plain = {MODULE: attacked.source(MODULE) + "\n\nPLAIN = 1\n"}
    assert attacked.judged(plain, "identity")["passed"]


HANGS = {
    "answers nothing": (
        "import daemon.orchestrator.health\n"
        "def stop(self):\n    import time\n    time.sleep(1000)\n"
        "daemon.orchestrator.health.Health.identity = stop\n"
    ),
    "spins on all cores": (
        "import os, sys\n"
        "if '--slot' in sys.argv and 'pytest' not in sys.modules:\n"
        "    for _ in range(4):\n        if os.fork() == 0:\n            while True: pass\n"
    ),
}


@shows("C11")
@pytest.mark.parametrize("name", HANGS)
def test_who_hangs_or_spins_is_ended(attacked: Ground, name: str) -> None:
    """In the time it has; current's users wait no longer than they may."""
    users_before = time.monotonic()
    card = attacked.judged(attacked.hostile(PROCESS, HANGS[name]), "identity")
    assert time.monotonic() - users_before < 120
    assert gone(f"{attacked.home.path}/releases/{card['commit']}")
    began = time.monotonic()
    assert httpx.get(
        f"http://127.0.0.1:{attacked.home.current}/healthz", timeout=10, trust_env=False
    ).is_success
    assert (time.monotonic() - began) * 1000 < LATE_MS


@shows("C12", "C13", "C14", "C23")
def test_from_inside_nobody_and_nothing_is_there(attacked: Ground) -> None:
    """No process, no file, no key, no network: every attempt is refused at once."""
    supervisor = attacked.home.ask("status")["supervisor"]["pid"]
    told = probed(
        attacked,
        probes.OTHERS,
        probes.FILES,
        probes.NETWORK,
        SUPERVISOR=supervisor,
        HOME=str(attacked.home.path),
        MODEL=attacked.model.server_address[1],
        CURRENT=attacked.home.current,
    )
    assert won(told) == []
    assert attacked.home.ask("status")["supervisor"]["pid"] == supervisor


@shows("C15")
def test_the_broker_gives_what_was_allowed(attacked: Ground) -> None:
    """No other route, no other place, no header of the caller's, and no more than its budget."""
    hello = {"content": "hi", "calls": []}
    told = probed_with_replies(attacked, [hello] * 13)
    spent = told.pop("spent")
    assert won(told) == []
    assert "429" in spent, spent
    smuggled = str(attacked.model.headers)
    assert "evil" not in smuggled
    assert "evil-key" not in str(attacked.model.asked)
    log = (attacked.home.path / "logs/broker.log").read_text()
    assert "was refused: route_refused" in log
    assert "was refused: budget_exhausted" in log


def probed_with_replies(ground: Ground, replies: list[dict[str, Any]]) -> dict[str, Any]:
    """The probe talks to the same model as its author, so its replies come in between."""
    told = ground.evolved(probes.script(probes.BROKER), STOP, between=replies)
    head = ground.home.git("rev-parse", f"cand/{told['candidate']}")
    return dict(json.loads(ground.home.git("show", f"{head}:probe.json")))
