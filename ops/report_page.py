"""A report for people: plain text, and one page of HTML with its figures inside."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ops import chart, render

Report = Mapping[str, Any]
STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#222;background:#fff}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#111}}"
)


def when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def money(value: float | None) -> str:
    """What nobody knows is no zero."""
    return "unknown" if value is None else f"{value:.4f}"


def sections(found: Report) -> list[tuple[str, Sequence[str], list[Sequence[str]]]]:
    """Heading, columns, rows; the same for text and page."""
    by: dict[str, list[Mapping[str, Any]]] = {}
    for one in found["candidates"]:
        by.setdefault(one["outcome"], []).append(one)
    rows: list[tuple[str, Sequence[str], list[Sequence[str]]]] = []
    kept = [(o["release"] or "", o["text"], str(o["tokens"])) for o in by.pop("promoted", ())]
    rows.append(("Kept", ("release", "goal", "tokens"), list(kept)))
    for outcome, ones in sorted(by.items()):
        told = [(one["candidate"], one["text"], one["reason"] or "") for one in ones]
        rows.append((outcome.capitalize(), ("candidate", "goal", "why"), list(told)))
    back = [(o["release"] or "", o["tag"] or "", o["reason"] or "") for o in found["reverted"]]
    rows.append(("Taken back", ("release", "tag", "why"), list(back)))
    measures = [
        (
            o["goal"] or "",
            f"{o['before']:g}",
            f"{o['after']:g}",
            "kept" if o["kept"] else "not kept",
        )
        for o in found["measures"]
    ]
    rows.append(("Measures", ("goal", "before", "after", ""), list(measures)))
    needs = [(one["what"], one["next"]) for one in found["needs"]]
    rows.append(("Needs a person", ("what", "next step"), list(needs)))
    return [row for row in rows if row[2]]


def facts(found: Report) -> list[str]:
    spent, limit = found["spent"], found["day_limit"]
    most = f" of {limit['tokens']} a day" if limit["tokens"] else ""
    told = ", ".join(f"{count} {name}" for name, count in sorted(found["outcomes"].items()))
    return [
        f"from {when(found['since'])} to {when(found['until'])}",
        f"tried: {found['tried']}" + (f" ({told})" if told else ""),
        f"spent: {spent['tokens']} tokens{most}, {money(spent['money'])} in money,"
        f" {render.span(spent['wall_seconds'])} at work",
        f"saved: {found['saved']['judgements']} judgements of ideas that were known",
    ]


def text(found: Report) -> str:
    lines = facts(found)
    for title, _, rows in sections(found):
        lines += ["", title]
        lines += ["  " + " · ".join(render.line(cell) for cell in row if cell) for row in rows]
    return "\n".join(render.safe(line) for line in lines) + "\n"


def page(found: Report) -> str:
    figures = [
        chart.bars("How it ended", found["outcomes"]) if found["outcomes"] else "",
        chart.bars("Who said no", found["gates"]) if found["gates"] else "",
        chart.line("Tokens, cycle by cycle", [one["tokens"] for one in found["candidates"]]),
        chart.line("Kept so far", list(_kept(found["candidates"]))),
    ]
    told = "".join(f"<p>{_safe(line)}</p>" for line in facts(found))
    tables = "".join(_table(*section) for section in sections(found))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>org: report</title>'
        f"<style>{STYLE}</style><h1>What org did</h1>{told}{''.join(figures)}{tables}</html>\n"
    )


def _kept(candidates: Iterable[Mapping[str, Any]]) -> Iterable[float]:
    count = 0
    for one in candidates:
        count += one["outcome"] == "promoted"
        yield float(count)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{_safe(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<h2>{_safe(title)}</h2><table><tr>{head}</tr>{body}</table>"


def _safe(text: object) -> str:
    """Model-written text is shown, never obeyed."""
    return html.escape(render.safe(text))
