"""Tries at one goal learn from each other: nothing is judged twice, and a hopeless goal ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.masking import KEYS
from tests.journeys import service
from tests.journeys.instance import Home, commit_all, git, running
from tests.journeys.test_other_repo import GOOD
from tests.model_server import say, scripted_model

pytestmark = pytest.mark.journey

CANARY = "sk-canary-987654321"
BAD = '''"""Counting."""


def count(path):
    """How many words `path` has, separated by slashes."""
    return len(path.split("/")) - 1
'''
CHECK = """import sys
sys.path.insert(0, ".")
from words import count
assert count("//a//b/") == 2, "SECRET"
"""
GOAL = f'''text = """count words only

Words are separated by slashes."""
module = "words.py"
protocol = "rewrite"
tries = 4
paths = ["*.py"]
[acceptance]
command = ["python3", "/acceptance/check.py"]
files = {{ "check.py" = """{CHECK}""" }}
'''


def test_a_goal_of_the_repo_is_tried_until_it_is_reached(home: Home, tmp_path: Path) -> None:
    """The third try repeats the first and costs no gate; the fourth is told, and promoted."""
    repo = service.make(tmp_path / "service")
    (repo / "goals").mkdir()
    (repo / "goals" / "words.toml").write_text(GOAL)
    commit_all(repo, "Want words counted")
    other = BAD.replace("len(path.split", "max(7, *map(len, path.split").replace(")) - 1", ")))")
    again = BAD.replace("path.split", "path . split") + "\n# the same\n"
    first, *more = [
        say(f"NOTE: slashes matter, {CANARY}\n```python\n{text}```")
        for text in (BAD, other, again, GOOD)
    ]
    replies = [first, *(said for one in more for said in (say("Look at empty words."), one))]
    with scripted_model(replies) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, repo, f'[model]\nbase = "{base}"\n[author]\nrounds_max = 1\n'):
            listed = home.ask("goal", "list")["goals"]
            assert [(one["id"], one["state"]) for one in listed] == [("words", "planning")]
            (home.path / "state" / KEYS).write_text(f'SOME_KEY = "{CANARY}"\n')
            (home.path / "state" / KEYS).chmod(0o600)
            first = home.orgctl("evolve", "--wait", "--json").json
            assert (first["outcome"], first["reason"][:5]) == ("rejected", "goal:")
            second = home.orgctl("evolve", "--wait", "--json").json
            assert (second["outcome"], second["reason"][:5]) == ("rejected", "goal:")
            third = home.orgctl("evolve", "--wait", "--json").json
            assert third["outcome"] == "rejected"
            assert third["scorecard"] is None
            assert first["candidate"] in third["reason"]
            session = tmp_path / "session.jsonl"
            fourth = home.ask("evolve", "--wait", "--record", str(session))
            assert fourth["outcome"] == "promoted", fourth
            asked = str(model.asked[6]["messages"])
            assert "Look at empty words." in asked
            assert "max(7" in asked  # what only a hidden check refused is gone on from
            assert "A former answer did not do: the goal gate" in asked
            assert "slashes matter" in asked
            assert "SECRET" not in asked
            shown = home.ask("goal", "show", "words")
            assert shown["project"]["state"] == "complete"
            assert shown["project"]["tries"] == 3
            report(home, third["candidate"])
            for one in (first, second, third, fourth):  # whatever came since
                again = home.ask("replay", one["candidate"])
                assert again["same"], again
            assert len(model.asked) == 7  # no model was asked
            assert home.orgctl("replay", "20000101T000000Z").code == 4
            assert session.read_bytes() == recorded(home, fourth["candidate"])
            taken_back(home)
    kept = [one for one in home.path.rglob("*") if one.is_file() and one.name != KEYS]
    assert [one.name for one in kept if CANARY.encode() in one.read_bytes()] == []
    assert git(repo, "status", "--porcelain") == ""


def recorded(home: Home, candidate: str) -> bytes:
    return (home.path / "evidence" / candidate / "session.jsonl").read_bytes()


def taken_back(home: Home) -> None:
    """The goal is reached no more: that was its fourth try, and the report adds up."""
    home.ask("rollback", "--yes")
    listed = home.ask("goal", "list")["goals"]
    assert [(one["done"], one["state"]) for one in listed] == [(False, "blocked")]
    assert home.ask("report", "--since", "1h")["outcomes"] == {"rejected": 3, "reverted": 1}


def report(home: Home, spared: str) -> None:
    """Four tries, one kept, one judgement saved; as JSON, as text, as a page."""
    found = home.ask("report", "--since", "1h")
    assert found["outcomes"] == {"rejected": 3, "promoted": 1}
    assert found["gates"] == {"goal": 2, "no new idea": 1}
    assert found["spent"]["tokens"] == 840
    assert found["spent"]["money"] is None  # nobody said what the model costs
    assert found["saved"] == {"judgements": 1}
    assert found["needs"] == []
    page = home.path.parent / "report.html"
    told = home.orgctl("report", "--html", str(page)).said
    assert "840 tokens, unknown in money" in told
    assert spared in told
    assert "<svg" in page.read_text()


def test_a_goal_whose_tries_are_used_up_is_blocked_until_a_person_says(
    home: Home, tmp_path: Path
) -> None:
    """Also one whose author strays from the paths that the goal allows."""
    repo = service.make(tmp_path / "service")
    with scripted_model([say(f"```python\n{GOOD}```")]) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        with running(home, repo, f'[model]\nbase = "{base}"\n[author]\nrounds_max = 1\n'):
            words = ("count words only", "--protocol", "rewrite", "--module", "words.py")
            home.ask("goal", "add", *words, "--tries", "1", "--path", "service.py")
            done = home.orgctl("evolve", "--wait", "--json").json
            assert "none of the paths" in done["reason"]
            assert home.ask("goal", "list")["goals"][0]["state"] == "blocked"
            assert "no open goal" in home.orgctl("evolve", "--wait").told
            home.ask("goal", "retry", "g1")
            assert home.ask("goal", "list")["goals"][0]["state"] == "planning"
