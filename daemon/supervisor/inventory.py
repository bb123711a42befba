"""What lies in an instance's rooms, how old and how large it is, and why some of it must stay."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from daemon.core import release as releases
from daemon.core.candidate import Candidate
from daemon.core.upkeep import Item, Room, returnable
from daemon.supervisor.cycle import MERGES
from daemon.supervisor.runnable import LOCK, base_python
from daemon.supervisor.world import World
from ops import venv
from ops.files import size_of
from ops.loaded import ROOT

BRANCHES = "refs/heads/cand/"
STAMP = re.compile(r"(\d{8}T\d{6}Z)(?:-\d+)?(?:-replay)?")
COMMIT = re.compile(r"[0-9a-f]{40}")
STATE_BYTES_MAX = 2**20
UNKNOWN = "nobody knows what it is"


@dataclass(frozen=True)
class Holds:
    """Why what stays stays: name -> reason."""

    commits: dict[str, str]  # releases
    candidates: dict[str, str]  # ids
    used: frozenset[str]  # names in releases/ and venvs/ that a process or a record mentions


def holds(world: World) -> Holds:
    """As of now; everything here is asked anew before anything is put out of the way."""
    keep = world.settings.keep.releases
    chain = returnable(world.main(), world.point, keep)
    commits = dict.fromkeys(chain, "main's history can return to it")
    commits[chain[0]] = "it serves"
    candidates = {}
    for one in world.journal.open_candidates():
        candidates[one.id] = f"it is {one.state}"
        commits |= dict.fromkeys(_commits(one), f"{one.branch} is {one.state}")
    for promotion in world.journal.open_promotions():
        named = (promotion.main, promotion.merge, promotion.former, promotion.restoring)
        commits |= {commit: "a promotion is under way" for commit in named if commit}
        if promotion.candidate:
            candidates[promotion.candidate] = "its promotion is under way"
    for commit in chain:
        if named_by := world.point(commit).trailers.get(releases.CANDIDATE):
            candidates.setdefault(named_by, "it made a release that is kept")
    return Holds(commits, candidates, mentioned(world.layout.home))


def _commits(candidate: Candidate) -> Iterator[str]:
    yield from filter(None, (candidate.base, candidate.head, candidate.merge))


def mentioned(home: Path) -> frozenset[str]:
    """Names below releases/ and venvs/ that a command line, or a record of state, has in it."""
    homes = "|".join({re.escape(str(home)), re.escape(str(home.resolve()))})
    path = re.compile(rf"(?:{homes})/(?:releases|venvs)/([^/\s\"'\0:,]+)")
    texts = [str(ROOT) + "/", *_command_lines(), *_records(home / "state")]
    return frozenset(name for text in texts for name in path.findall(text))


def _command_lines() -> Iterator[str]:
    for process in psutil.process_iter(["cmdline", "exe"]):
        yield "\0".join([*(process.info["cmdline"] or ()), process.info["exe"] or ""])


def _records(state: Path) -> Iterator[str]:
    for record in state.glob("*.json"):
        if record.stat().st_size <= STATE_BYTES_MAX:
            yield record.read_text(encoding="utf-8", errors="replace")


def items(world: World, held: Holds) -> Iterator[Item]:
    """All rooms but the environments, which depend on the releases that stay."""
    layout = world.layout
    known = {one.id: one for one in world.journal.candidates()}
    for path in _entries(layout.releases):
        why = held.commits.get(path.name) or _used(path.name, held)
        yield _on_disk(Room.RELEASES, path, why if COMMIT.fullmatch(path.name) else UNKNOWN)
    for path in _entries(layout.candidates):
        yield _on_disk(Room.WORKSPACES, path, _of_candidate(path.name, known, held))
    for path in _entries(layout.evidence):
        name = path.name
        why = None if name.startswith("fitness-") else _of_candidate(name, known, held)
        yield _on_disk(Room.EVIDENCE, path, why)
    for name in branches(world):
        why, when = _of_candidate(name, known, held), _when(name, known)
        yield Item(Room.BRANCHES, name, when, held=why)


def branches(world: World) -> dict[str, list[tuple[str, str]]]:
    """Candidate -> its refs and what they name, which is what must still stand to remove them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for prefix in (BRANCHES, MERGES):
        for ref, oid in world.history.refs(prefix).items():
            found.setdefault(ref.removeprefix(prefix), []).append((ref, oid))
    return found


def environments(world: World, releases_kept: Iterable[str], held: Holds) -> Iterator[Item]:
    """Held are those of the releases that stay."""
    keys = set()
    for name in releases_kept:
        lock = world.layout.releases / name / LOCK
        if lock.is_file():
            keys.add(venv.key_of(lock.read_bytes(), base_python()))
    for path in _entries(world.layout.venvs):
        why = "a release that is kept runs in it" if path.name in keys else None
        yield _on_disk(Room.VENVS, path, why or _used(path.name, held))


def _used(name: str, held: Holds) -> str | None:
    return "it is in use" if name in held.used else None


def _of_candidate(name: str, known: dict[str, Candidate], held: Holds) -> str | None:
    if name in held.candidates:
        return held.candidates[name]
    return None if name in known or STAMP.fullmatch(name) else UNKNOWN


def _when(name: str, known: dict[str, Candidate]) -> float:
    if name in known:
        return float(known[name].created)
    stamp = STAMP.fullmatch(name)
    if stamp is None:
        return 0.0
    try:
        return datetime.strptime(stamp[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _entries(room: Path) -> Iterator[Path]:
    """Folders that are there in earnest: nothing torn, no lock files."""
    for entry in sorted(os.scandir(room), key=lambda one: one.name):
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield Path(entry.path)


def _on_disk(room: Room, path: Path, why: str | None) -> Item:
    return Item(room, path.name, path.stat().st_mtime, size_of(path), why)
