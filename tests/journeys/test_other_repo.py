"""A repo that is not org: a small service, its own gates, its own way of serving."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys import service
from tests.journeys.instance import Home, git, running
from tests.model_server import say, scripted_model

pytestmark = pytest.mark.journey

GOOD = '''"""Counting."""


def count(path):
    """How many words `path` has, separated by slashes; nothing between two is no word."""
    return len([word for word in path.split("/") if word])
'''
BAD = GOOD.replace("len([word", "1 or len([word")


def test_another_repo_evolves_and_is_rolled_back(home: Home, tmp_path: Path) -> None:
    """Rejected by its own tests, then promoted, then taken back; served throughout."""
    repo = service.make(tmp_path / "service")
    replies = [
        say("```python\n" + BAD + "```"),
        say("```python\n" + GOOD + "```"),
    ]
    with scripted_model(replies) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        extra = f'[model]\nbase = "{base}"\n[author]\nrounds_max = 1\n'
        with running(home, repo, extra):
            assert home.get("/up").json() == {"status": "ok"}
            assert home.get("/a/b").json() == {"count": 3}
            rewrite = (
                "--protocol",
                "rewrite",
                "--module",
                "words.py",
                "--goal",
                "count words only",
            )
            first = home.orgctl("evolve", "--wait", "--json", *rewrite)
            assert first.code == 1
            assert home.get("/a/b").json() == {"count": 3}
            done = home.ask("evolve", "--wait", *rewrite)
            assert done["outcome"] == "promoted", done
            assert home.get("/a/b").json() == {"count": 2}
            assert [gate["name"] for gate in done["scorecard"]["gates"]] == [
                "paths",
                "identity",
                "tests",
                "goal",
            ]
            home.ask("rollback", "--yes")
            assert home.get("/a/b").json() == {"count": 3}
            assert home.ask("verify")["problems"] == []
    assert git(repo, "status", "--porcelain") == ""  # the user's own checkout is never touched


def test_a_repo_that_cannot_be_served_is_refused(home: Home, tmp_path: Path) -> None:
    """Without an org.toml that says how, nothing is promised."""
    repo = service.make(tmp_path / "service")
    git(repo, "rm", "-q", "org.toml")
    git(repo, "commit", "-q", "-m", "say nothing")
    home.write_settings()
    answered = home.orgctl("init", "--repo", str(repo))
    assert answered.code == 2
    assert "org.toml" in answered.told
    assert "Traceback" not in answered.told
