"""Two agents on a real small model: one writes a program, the other is asked about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import service
from tests.journeys.instance import Home, running

pytestmark = [pytest.mark.journey, pytest.mark.model]

TRIES_MAX = 8  # a small model is not right every time
TURN_SECONDS = 600.0
ANSWERS_MAX = 4
WHAT = "@bob Which file did alice write? Answer with the name of the file only."
TASK = "@alice Write the file primes.py: it prints the first ten primes. Then run it with python3."


def chat(home: Home, room: str, text: str, *flags: str) -> dict[str, Any]:
    words = ("chat", "--room", room, *flags, "--say", text, "--json")
    found = home.orgctl(*words, seconds=TURN_SECONDS)
    assert found.said, found
    return found.json


def test_two_agents_and_their_tools(home: Home, tmp_path: Path, model: dict[str, str]) -> None:
    """The calls stand in the model's text, the file is real, and the other knows what she wrote."""
    settings = (
        f'[model]\nbase = "{model["base"]}"\nname = "{model["name"]}"\nidle_seconds = 600.0\n'
    )
    flags = ["--agent", "alice=", "--persona", "alice=You write small, correct Python programs."]
    flags += ["--agent", "bob=", "--persona", "bob=You answer in one short sentence."]
    flags += ["--tool", "write_file", "--tool", "sh"]
    with running(home, service.make(tmp_path / "service"), settings):
        told = []
        for number in range(TRIES_MAX):
            room = f"try{number}"
            found = chat(home, room, TASK, *flags)
            told.append(found)
            written = home.path / "state/rooms" / room / "workspace/primes.py"
            if written.exists() and {"changed", "ran"} <= set(found["messages"][-1]["deeds"]):
                break
        print(json.dumps(told, indent=1))
        assert written.exists(), told
        assert {"changed", "ran"} <= set(found["messages"][-1]["deeds"]), told
        for _ in range(ANSWERS_MAX):  # so small a model does not always answer the question
            answer = chat(home, room, WHAT)["messages"][-1]
            print(answer)
            assert answer["who"] == "bob" and answer["tokens"] > 0
            if "primes.py" in answer["text"]:
                return
        raise AssertionError(answer)
