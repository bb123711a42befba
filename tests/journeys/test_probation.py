"""Probation: a release that breaks a promise in service is taken back by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.files import remove_tree
from tests.journeys import controlled
from tests.journeys.controlled import rewritten
from tests.journeys.instance import Home, running
from tests.load import Load
from tests.model_server import say, scripted_model

pytestmark = [pytest.mark.journey, pytest.mark.crash]

AFTER_SECONDS = 2.5  # longer than the judging takes
BACK_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.05
SETTINGS = """[probation]
seconds = {seconds}
look_every_seconds = 0.1
[probation.limits]
memory_growth_bytes_max = 100_000_000
samples_min = 5
"""
WINDOW = '[schedule]\nfreeze = ["00:00-24:00"]\n'
BREACHES = {
    "crashes": "its process ended with",
    "hangs": "it gave no answer",
    "is slow": "it answers in",
    "fails": "requests failed",
    "leaks": "it grew by",
    "hoards": "descriptors more",
    "lies": "another commit",
}


@contextmanager
def evolving(
    home: Home, tmp_path: Path, replies: list[str], seconds: float = 60.0
) -> Iterator[None]:
    """The service with manners, up, and a model that answers so."""
    repo = controlled.make(tmp_path / "repo")
    with scripted_model([say(reply) for reply in replies]) as model:
        base = f'[model]\nbase = "http://127.0.0.1:{model.server_address[1]}"\n'
        with running(home, repo, base + SETTINGS.format(seconds=seconds)):
            yield


def evolve(home: Home, goal: str = "behave") -> dict[str, object]:
    asked = ("--protocol", "rewrite", "--module", "manners.py", "--goal", goal)
    return home.ask("evolve", "--wait", *asked)


def taken_back(home: Home) -> dict[str, object]:
    """What status says of it, once it has happened."""
    began = time.monotonic()
    while not (found := home.ask("status"))["taken_back"]:
        assert time.monotonic() - began < BACK_SECONDS_MAX, found
        time.sleep(LOOK_SECONDS)
    return dict(found["taken_back"])


@pytest.mark.parametrize("kind", BREACHES)
def test_a_broken_promise_is_taken_back(kind: str, home: Home, tmp_path: Path) -> None:
    """The former serves again, main has its tree, and everybody is told why."""
    with evolving(home, tmp_path, [rewritten(kind, AFTER_SECONDS)] * 2):
        url = f"http://127.0.0.1:{home.current}/"
        done = evolve(home)
        assert done["outcome"] == "promoted", done
        if kind in ("crashes", "hangs"):
            found = taken_back(home)
        else:
            with Load(url, 30):
                found = taken_back(home)
        assert BREACHES[kind] in str(found["reason"]), found
        assert (found["release"], found["tag"]) == ("release/1", "rollback/1")
        assert home.get("/").json()["manners"] == "good"
        assert home.git("rev-parse", "main^{tree}") == home.git("rev-parse", "release/0^{tree}")
        note = json.loads(home.git("notes", "--ref=probation", "show", "release/1^{commit}"))
        assert note["reason"] == found["reason"]
        assert str(found["reason"]) in home.git("tag", "-l", "--format=%(contents)", "rollback/1")
        home.agrees()
        again = home.orgctl("evolve", "--wait", "--json", "--protocol", "rewrite",
                            "--module", "manners.py", "--goal", "again")  # fmt: skip
        assert again.code == 1
        assert "failed in service" in again.json["reason"]


def test_a_release_that_holds_is_settled(home: Home, tmp_path: Path) -> None:
    """Its time over, the former is ended and nothing is under way any more."""
    with evolving(home, tmp_path, [rewritten("polite")], seconds=2.0):
        assert evolve(home)["outcome"] == "promoted"
        began = time.monotonic()
        while home.ask("status")["promotion"] is not None:
            assert time.monotonic() - began < BACK_SECONDS_MAX
            time.sleep(LOOK_SECONDS)
        assert home.get("/").json()["manners"] == "polite"
        assert home.ask("status")["taken_back"] is None
        home.agrees()


def test_a_promotion_during_probation_supersedes_the_one_that_is_watched(
    home: Home, tmp_path: Path
) -> None:
    """The newer one is watched from then on; a rollback returns to the one in between."""
    with evolving(home, tmp_path, [rewritten("polite"), rewritten("kind")]):
        evolve(home)
        evolve(home, "be kind")
        assert home.get("/").json()["manners"] == "kind"
        home.ask("rollback", "--yes")
        assert home.get("/").json()["manners"] == "polite"
        home.agrees()


def test_rollback_to_a_release_and_back_again(home: Home, tmp_path: Path) -> None:
    """Any release can be returned to, also the one that was just left; never by a merge."""
    with evolving(home, tmp_path, [rewritten("polite"), rewritten("kind")]):
        evolve(home)
        evolve(home, "be kind")
        first = home.ask("rollback", "--yes", "--to", "release/0")
        assert (first["from"], first["to"], first["tag"]) == (
            "release/2",
            "release/0",
            "rollback/1",
        )
        assert home.get("/").json()["manners"] == "good"
        second = home.ask("rollback", "--yes", "--to", "release/2")
        assert (second["to"], second["tag"]) == ("release/2", "rollback/2")
        assert home.get("/").json()["manners"] == "kind"
        same = home.orgctl("rollback", "--yes", "--to", "release/2")
        assert same.code == 2
        assert "is what serves now" in same.told
        gone = home.orgctl("rollback", "--yes", "--to", "release/9")
        assert gone.code == 4
        home.agrees()


def froze(home: Home, by: str, on: bool) -> None:
    """By a person, or by a window of the week that holds all day."""
    if by == "person":
        home.ask("freeze" if on else "unfreeze")
        return
    settings = home.path / "org.toml"
    text = settings.read_text().replace(WINDOW, "")
    settings.write_text(text + WINDOW if on else text)
    home.ask("reload")


@pytest.mark.parametrize(("by", "hint"), [("person", "orgctl unfreeze"), ("window", "00:00-24:00")])
def test_while_frozen_nothing_is_promoted_but_all_can_be_taken_back(
    by: str, hint: str, home: Home, tmp_path: Path
) -> None:
    """A judged candidate waits; rollback is never frozen; unfreezing lets the candidate in."""
    with evolving(home, tmp_path, [rewritten("polite"), rewritten("kind")]):
        evolve(home)
        froze(home, by, on=True)
        waits = evolve(home, "be kind")
        assert waits["outcome"] == "awaiting-approval", waits
        refused = home.orgctl("promote", str(waits["candidate"]), "--yes")
        assert refused.code == 3
        for said in (refused.told, home.orgctl("status").said):
            assert "promotions are frozen" in said and hint in said
        assert home.get("/").json()["manners"] == "polite"
        froze(home, by, on=False)
        done = home.ask("promote", str(waits["candidate"]), "--yes")
        assert done["release"] == "release/2"
        froze(home, by, on=True)
        home.ask("rollback", "--yes")
        assert home.get("/").json()["manners"] == "polite"
        home.agrees()


def test_what_no_longer_fits_is_rejected(home: Home, tmp_path: Path) -> None:
    """Judged on a main that was left since, it is merged anew; a conflict is its end, told so."""
    with evolving(home, tmp_path, [rewritten("polite"), rewritten("kind")]):
        evolve(home)
        home.ask("freeze")
        waits = evolve(home, "be kind")
        home.ask("rollback", "--yes")
        home.ask("unfreeze")
        done = home.orgctl("promote", str(waits["candidate"]), "--yes", "--json")
        assert (done.code, done.json["outcome"]) == (1, "rejected")
        assert "conflicts with main in manners.py" in done.json["reason"]
        assert home.ask("status")["counts"]["open"] == 0
        home.agrees()


def test_a_rollback_that_finds_nobody_keeps_what_serves(home: Home, tmp_path: Path) -> None:
    """Its target is no longer built, and there is no room to build it: said, and nothing moved."""
    with evolving(home, tmp_path, [rewritten("polite")], seconds=1.0):
        evolve(home)
        first = home.git("rev-parse", "release/0^{commit}")
        began = time.monotonic()
        while home.ask("status")["promotion"]:  # until the former is no longer kept warm
            assert time.monotonic() - began < BACK_SECONDS_MAX
            time.sleep(LOOK_SECONDS)
        remove_tree(home.path / "releases" / first)
        with (home.path / "org.toml").open("a") as settings:
            settings.write("[policy]\ndisk_free_bytes = 1_000_000_000_000_000\n")
        home.ask("reload")
        main = home.ask("status")["main"]
        back = home.orgctl("rollback", "--yes", "--json")
        assert back.code == 1
        assert "cannot be returned to" in back.json["error"]
        assert "release/1 goes on" in back.json["hint"]
        assert home.get("/").json()["manners"] == "polite"
        assert home.ask("status")["main"] == main
        home.agrees()
