"""A long history at once: releases on main and candidates beside it, as one pack written by hand.

What a year of cycles would leave: every candidate has a commit, a judged merge, a scorecard in
the notes, two refs and a row; those that were promoted are main's first-parent chain, each with
its annotated tag.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from daemon.core import release as releases
from fitness.scorecard import Score, Scorecard
from tests.journeys.instance import Home

BORN = 1_600_000_000  # the first candidate; the others come a minute apart
MINUTE_SECONDS = 60
WHO = "org <org@localhost>"
KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
GATES = ("paths", "build", "lint", "tests", "identity", "contract", "goal")


@dataclass
class Objects:
    """Git objects, each by the id that git gives it."""

    packed: dict[str, bytes] = field(default_factory=dict)

    def add(self, kind: str, data: bytes) -> str:
        oid = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()
        self.packed[oid] = _entry(KINDS[kind], data)
        return oid

    def tree(self, rows: dict[str, tuple[str, str]]) -> str:
        """`rows` are name -> (mode, oid); a folder's mode is 40000."""
        ordered = sorted(rows, key=lambda name: name + "/" * (rows[name][0] == "40000"))
        data = b"".join(
            f"{rows[name][0]} {name}\0".encode() + bytes.fromhex(rows[name][1]) for name in ordered
        )
        return self.add("tree", data)

    def commit(self, tree: str, parents: list[str], text: str, when: int) -> str:
        above = "".join(f"parent {parent}\n" for parent in parents)
        by = f"author {WHO} {when} +0000\ncommitter {WHO} {when} +0000\n"
        return self.add("commit", f"tree {tree}\n{above}{by}\n{text}".encode())

    def write(self, repo: Path) -> None:
        data = b"PACK" + (2).to_bytes(4, "big") + len(self.packed).to_bytes(4, "big")
        data += b"".join(self.packed.values())
        data += hashlib.sha1(data).digest()
        argv = ["git", "index-pack", "--stdin"]
        subprocess.run(argv, cwd=repo, input=data, check=True, capture_output=True)


def _entry(kind: int, data: bytes) -> bytes:
    size, first = len(data) >> 4, kind << 4 | len(data) & 15
    head = bytearray()
    while size:
        head.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    head.append(first)
    return bytes(head) + zlib.compress(data, 1)


@dataclass
class Candidates:
    """What was written of each."""

    main: str
    refs: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    cards: dict[str, str] = field(default_factory=dict)  # merge -> its scorecard


def fill(home: Home, candidates: int, promoted: int) -> None:
    """Every (candidates / promoted)th one is promoted, the others are rejected."""
    objects = Objects()
    base = home.git("rev-parse", "main")
    listed = home.git("ls-tree", "main").splitlines()
    rows = {row.split("\t")[1]: (row.split()[0], row.split()[2]) for row in listed}
    made = Candidates(base)
    for number in range(candidates):
        promote = number % (candidates // promoted) == 0
        _candidate(objects, made, rows, number, promote)
    made.refs |= {"refs/heads/main": made.main, releases.SCORECARDS: _notes(objects, made.cards)}
    objects.write(home.path / "repo.git")
    _move(home, made.refs)
    with sqlite3.connect(home.path / "state/journal.db", timeout=30) as db:
        db.executemany("INSERT INTO candidate VALUES (?, ?, ?)", made.rows)
    db.close()


def _candidate(
    objects: Objects, made: Candidates, rows: dict[str, tuple[str, str]], number: int, promote: bool
) -> None:
    name, when = f"2020{number:09d}Z", BORN + number * MINUTE_SECONDS
    note = objects.add("blob", f"# {number}\n".encode())
    tree = objects.tree(rows | {"note.py": ("100644", note)})
    head = objects.commit(tree, [made.main], f"Change {number}\n", when)
    trailers = {releases.CANDIDATE: name, releases.GOAL: "grow", releases.BASE: made.main}
    text = releases.message(f"Grow {number}", "", trailers)
    merge = objects.commit(tree, [made.main, head], text, when)
    card = _card(merge, made.main, promote)
    made.cards[merge] = card.canonical()
    made.refs[f"refs/heads/cand/{name}"] = head
    made.refs[f"refs/org/merges/{name}"] = merge
    state = "promoted" if promote else "rejected"
    record = {"id": name, "state": state, "goal": f"grow {number}", "created": when}
    record |= {"base": made.main, "head": head, "merge": merge, "reason": "tests: 1 failed"}
    made.rows.append((name, state, json.dumps(record)))
    if promote:
        tag = f"release/{len([ref for ref in made.refs if 'tags' in ref]) + 1}"
        said = releases.message(f"Release {tag}", "", {releases.VERDICT: card.digest()})
        head = f"object {merge}\ntype commit\ntag {tag}\ntagger {WHO} {when} +0000\n\n"
        made.refs[f"refs/tags/{tag}"] = objects.add("tag", (head + said).encode())
        made.main = merge


def _card(commit: str, base: str, passed: bool) -> Scorecard:
    rows = tuple(
        Score(name=name, stage="work", passed=passed, seconds=1.5, reason="ok, as it should be")
        for name in GATES
    )
    known = {"suite": "0" * 64, "expected": GATES, "gates": rows}
    return Scorecard(commit=commit, base=base, passed=passed, **known)


def _notes(objects: Objects, cards: dict[str, str]) -> str:
    """Fanned out by the first two digits, as git does with so many."""
    folders: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for commit, card in cards.items():
        folders[commit[:2]][commit[2:]] = ("100644", objects.add("blob", card.encode()))
    rows = {name: ("40000", objects.tree(rows)) for name, rows in folders.items()}
    return objects.commit(objects.tree(rows), [], "Notes\n", BORN)


def _move(home: Home, refs: dict[str, str]) -> None:
    text = "".join(f"update {ref} {oid}\n" for ref, oid in refs.items())
    argv = ["git", "update-ref", "--stdin"]
    subprocess.run(argv, cwd=home.path / "repo.git", input=text.encode(), check=True)
    home.git("pack-refs", "--all")
