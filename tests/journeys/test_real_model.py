"""A real model behind a real llama.cpp server writes code that nobody wrote beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.journeys import service
from tests.journeys.instance import Home, commit_all, running

pytestmark = [pytest.mark.journey, pytest.mark.model]

TRIES_MAX = 8  # a small model is not right every time; the judge says when it is
SLOW = '''"""Words."""


def count(path):
    """How many different words `path` has, separated by slashes."""
    return len(unique(path.split("/")))


def unique(words):
    """The words without repeats, in the order of their first occurrence."""
    found = []
    for word in words:
        if word not in found:
            found.append(word)
    return found
'''
TESTS = '''import unittest

from words import unique


class Word(str):
    """Counts how often words are compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Word.compared += 1
        return str.__eq__(self, other)


class Uniqueness(unittest.TestCase):
    def test_order_is_kept(self):
        self.assertEqual(unique(["b", "a", "b", "c", "a"]), ["b", "a", "c"])

    def test_nothing_stays_nothing(self):
        self.assertEqual(unique([]), [])

    def test_it_is_linear(self):
        words = [Word(f"w{n}") for n in range(500)]
        unique(words)
        self.assertLess(Word.compared, 5000, "unique() compares every word with every other")


if __name__ == "__main__":
    unittest.main()
'''
CHECK = """import random, sys
sys.path.insert(0, ".")
from words import unique
for seed in range(200):
    chance = random.Random(seed)
    count = chance.randint(0, 40)
    words = [chance.choice("abcdefghij") * chance.randint(1, 3) for _ in range(count)]
    assert unique(list(words)) == list(dict.fromkeys(words)), words
"""


def test_a_small_model_improves_a_service_and_is_promoted(
    home: Home, tmp_path: Path, model: dict[str, str]
) -> None:
    """Goal in, whole file out, tests fed back, gates, promotion; a wrong answer is rejected."""
    repo = service.make(tmp_path / "service")
    (repo / "words.py").write_text(SLOW)
    (repo / "test_words.py").write_text(TESTS)
    commit_all(repo, "Count different words, slowly")
    accept = tmp_path / "accept.json"
    accept.write_text(
        json.dumps({"command": ["python3", "/acceptance/check.py"], "files": {"check.py": CHECK}})
    )
    settings = f'[model]\nbase = "{model["base"]}"\nname = "{model["name"]}"\n'
    with running(home, repo, settings + "[author]\nwall_seconds = 400.0\n"):
        goal = home.ask(
            "goal",
            "add",
            "Make unique() in words.py linear in the number of words without changing what it"
            " returns: the same words in the same order.",
            "--accept",
            str(accept),
            "--module",
            "words.py",
        )["id"]
        outcomes = []
        for _ in range(TRIES_MAX):
            found = home.orgctl("evolve", "--wait", "--json", "--goal", goal, seconds=600).json
            outcomes.append((found["outcome"], found["reason"], found["tokens"]))
            if found["outcome"] == "promoted":
                break
        print(outcomes)
        assert found["outcome"] == "promoted", outcomes
        assert found["tokens"] > 0
        assert home.get("/a/b/a").json() == {"count": 3}
        shown = home.ask("show", found["candidate"])
        assert shown["model"] == model["name"]
        home.agrees()
