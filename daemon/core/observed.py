"""Wishes that org itself sees: errors, failing tools, flaky gates, slow routes, open rows."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from pydantic import BaseModel, ConfigDict

LINES_MIN = 3  # of one error, before it is worth a wish
CALLS_MIN, FAILING_RATIO = 10, 0.5
ASKED_MIN, LOOKS_MIN = 20, 3  # requests now, and looks before, to call a route slow
SLOWER_FACTOR, SLOWER_MS = 2.0, 5.0  # both, against the median of what was seen before
WISHES_MAX = 10
SHOWN_CHARS_MAX = 200
EVIDENCE_CHARS_MAX = 2_000
ERROR = re.compile(r"^(?:[\w.]+(?:Error|Exception)\b.*|.*\b(?:ERROR|CRITICAL)\b.*)$")
VARYING = re.compile(r"0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"|/[\w./-]+")
# One line each: `\s` would run over its end.
OPEN_ROW = re.compile(r"^[^\S\n]*[-*][^\S\n]+\[ \][^\S\n]+(\S.+\S)[^\S\n]*$", re.MULTILINE)


class Wish(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    evidence: str

    @property
    def id(self) -> str:
        """The same for the same observation, so that nobody is asked twice."""
        return f"seen-{hashlib.sha256(self.text.encode()).hexdigest()[:8]}"


def errors(lines: Iterable[str]) -> list[Wish]:
    """Errors in a log that come again and again; numbers, names and paths in them do not count."""
    counts: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for line in lines:
        if ERROR.match(line):
            kind = VARYING.sub("…", line.strip())[:SHOWN_CHARS_MAX]
            counts[kind] += 1
            shown.setdefault(kind, line.strip()[:EVIDENCE_CHARS_MAX])
    return [
        Wish(
            text=f"Mend what makes current log: {kind}",
            evidence=f"seen {count} times, first as: {shown[kind]}",
        )
        for kind, count in counts.most_common(WISHES_MAX)
        if count >= LINES_MIN
    ]


def failing_tools(events: Iterable[Mapping[str, Any]]) -> list[Wish]:
    """Tools that fail authors more often than they help."""
    called: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for event in events:
        said = event.get("said") or {}
        name = str(said.get("tool") or "")
        if event.get("kind") == "author.result" and name and name != "run_tests":
            called[name] += 1
            failed[name] += not said.get("ok")
    return [
        Wish(
            text=f"Make the tool {name} fail authors less often",
            evidence=f"{failed[name]} of {count} calls failed",
        )
        for name, count in sorted(called.items())
        if count >= CALLS_MIN and failed[name] / count >= FAILING_RATIO
    ]


def flaky_gates(named: Iterable[tuple[str, str, str]]) -> list[Wish]:
    """Gates that gave two verdicts on one commit; each is (gate, commit, why it said no)."""
    told: dict[str, list[str]] = {}
    for gate, commit, why in named:
        told.setdefault(gate, []).append(f"{commit[:12]}: {why}")
    return [
        Wish(
            text=f"Let the gate {gate} say the same of the same commit",
            evidence=f"two verdicts on {'; '.join(rows)}"[:EVIDENCE_CHARS_MAX],
        )
        for gate, rows in sorted(told.items())
    ]


def slow_routes(
    now: Mapping[str, tuple[int, float]], before: Mapping[str, Sequence[float]]
) -> list[Wish]:
    """Routes that take much longer than they did: requests and median ms now, medians before."""
    found = []
    for route, (asked, took) in sorted(now.items()):
        seen = before.get(route, ())
        if asked < ASKED_MIN or len(seen) < LOOKS_MIN:
            continue
        usual = median(seen)
        if took > usual * SLOWER_FACTOR and took > usual + SLOWER_MS:
            evidence = f"{took:.1f} ms, the median of {asked} requests; it was {usual:.1f} ms,"
            evidence += f" the median of {len(seen)} looks"
            found.append(Wish(text=f"Make {route} answer as fast as it did", evidence=evidence))
    return found[:WISHES_MAX]


def open_rows(files: Mapping[str, str]) -> list[Wish]:
    """Rows of a TODO that nobody ticked: `- [ ] …`."""
    rows = [
        Wish(text=row.strip()[:SHOWN_CHARS_MAX], evidence=f"an open row of {path}")
        for path, text in sorted(files.items())
        for row in OPEN_ROW.findall(text)
    ]
    return rows[:WISHES_MAX]
