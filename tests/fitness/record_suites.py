"""How the recorded exchanges of the judge's suites were made, from words alone.

    python -m tests.fitness.record_suites

writes fitness/suites/load.jsonl anew; a test holds the files to what is said here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from daemon.broker.recordings import exchange
from tests.journeys.instance import ROOT
from tests.model_server import chunks, say

SUITES = ROOT / "fitness/suites"
LOAD = {"messages": [{"role": "user", "content": "Say ping."}]}


def recorded(ask: dict[str, Any], reply: dict[str, Any], **more: Any) -> str:
    """One line: what is asked, what the model says to it, and what else the judge knows of it."""
    line = json.loads(exchange(ask["messages"], list(chunks(reply, "recorded"))))
    return json.dumps({"ask": {"model": "recorded", **ask}, **more, **line}) + "\n"


def files() -> dict[Path, str]:
    return {SUITES / "load.jsonl": recorded(LOAD, say("ping"))}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
