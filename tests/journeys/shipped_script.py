"""How the shipped session was made: these replies, given by a scripted model to a real cycle.

    python -m tests.journeys.shipped_script

writes daemon/broker/sessions/ anew; needed only when the corner it improves has changed.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.journeys.instance import ROOT, Home, copy_of_org, running
from tests.model_server import say, scripted_model

SESSIONS = ROOT / "daemon/broker/sessions"
MODULE, TESTS = "daemon/orchestrator/uptime.py", "tests/orchestrator/test_uptime.py"
GOAL = (
    "Say spans of time so that people can read them. `in_words` in daemon/orchestrator/uptime.py"
    " says `3671 seconds`; let it say the largest unit and the next smaller one, as in"
    " `1 hour 1 minute` or `2 days 3 hours`, leave out a part that is zero (`1 hour`), and keep"
    " what it says of less than a minute. Show it with tests in tests/orchestrator/test_uptime.py."
)
NEW = '''"""A span of time in words."""

from __future__ import annotations

import math

UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
PARTS_MAX = 2


def in_words(seconds: float) -> str:
    """`59 seconds`, `1 hour 1 minute`: the largest unit and the next smaller one.

    Raises ValueError for a span that is negative or no number.
    """
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{seconds} is no span of time")
    left = int(seconds)
    first = next((at for at, (_, size) in enumerate(UNITS) if left >= size), len(UNITS) - 1)
    parts: list[str] = []
    for name, size in UNITS[first : first + PARTS_MAX]:
        count, left = divmod(left, size)
        if count or not parts:
            parts.append(f"{count} {name}" if count == 1 else f"{count} {name}s")
    return " ".join(parts)
'''
OLD_IMPORT = "from daemon.orchestrator.uptime import in_words\n"
NEW_TESTS = (
    OLD_IMPORT
    + '''

@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (60, "1 minute"),
        (61, "1 minute 1 second"),
        (3_600, "1 hour"),
        (3_601, "1 hour"),
        (3_671, "1 hour 1 minute"),
        (86_399, "23 hours 59 minutes"),
        (2 * 86_400 + 3 * 3_600 + 59, "2 days 3 hours"),
        (400 * 86_400, "400 days"),
    ],
)
def test_longer_spans_are_told_in_two_units(seconds: float, words: str) -> None:
    """The largest unit and the next smaller one, without a part that is zero."""
    assert in_words(seconds) == words
'''
)
SCRIPT = (
    say(
        "I read the function and its tests first.",
        read_file={"path": MODULE},
        read_file__2={"path": TESTS},
    ),
    say(
        "The units go into one table, so that the wording needs no branch for each of them.",
        write_file={"path": MODULE, "content": NEW},
    ),
    say(
        "Now the tests that show what is new; the old ones stay as they are.",
        edit_file={"path": TESTS, "old": OLD_IMPORT, "new": NEW_TESTS},
    ),
    say("", run_tests={"paths": [TESTS]}),
    say("", done={"summary": "spans of time are told in the two largest units"}),
)
CHECK = """import sys

sys.path.insert(0, ".")
from daemon.orchestrator.uptime import in_words

WANTED = {0: "0 seconds", 1: "1 second", 59: "59 seconds", 60: "1 minute",
          119: "1 minute 59 seconds", 3600: "1 hour", 3659: "1 hour",
          7384: "2 hours 3 minutes", 86400: "1 day",
          90061: "1 day 1 hour", 10 * 86400 + 59 * 60: "10 days"}
wrong = {s: in_words(s) for s in WANTED if in_words(s) != WANTED[s]}
sys.exit(f"in_words is wrong: {wrong}" if wrong else 0)
"""
ACCEPTANCE = {
    "command": ["python3", "/acceptance/check.py"],
    "files": {"check.py": CHECK},
    "probes": [{"path": "/about", "status": 200, "matches": "^machine up: "}],
}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="org-record-") as folder:
        repo = copy_of_org(Path(folder) / "repo")
        made = Path(folder) / "session.jsonl"
        with scripted_model(SCRIPT) as model:
            base = f"http://127.0.0.1:{model.server_address[1]}"
            home = Home(Path(folder) / "home")
            with running(home, repo, f'[model]\nbase = "{base}"\n'):
                done = home.orgctl("evolve", "--wait", "--goal", GOAL, "--record", str(made))
        print(done.said, done.told, file=sys.stderr)
        SESSIONS.mkdir(exist_ok=True)
        shutil.copyfile(made, SESSIONS / "first.jsonl")
        goal = {"text": GOAL, "protocol": "agent", "acceptance": ACCEPTANCE}
        (SESSIONS / "first.json").write_text(json.dumps(goal, indent=1) + "\n")
    return done.code


if __name__ == "__main__":
    sys.exit(main())
