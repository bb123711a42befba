"""Timeline: which release served when, what was promoted, what was taken back and why."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ops.pictures.draw import Canvas, n, scale

Row = Mapping[str, Any]
WIDTH, HEIGHT, LEFT, RIGHT, LINE_Y = 1100.0, 150.0, 20.0, 20.0, 84.0
TICKS = 6
SHOWN_MAX, GOAL_CHARS_MAX = 300, 100
LABEL_GAP = 44.0


def timeline(releases: Sequence[Row], now: float) -> str:
    """Releases newest first, as `releases` of the instance gives them; `now` in unix seconds."""
    rows = sorted(releases, key=lambda one: one["at"])[-SHOWN_MAX:]
    rolled = sum(one["kind"] == "rollback" for one in rows)
    about = f"{len(rows) - rolled} releases and {rolled} rollbacks."
    canvas = Canvas(WIDTH, HEIGHT, "Releases over time", about)
    first = float(rows[0]["at"]) if rows else now - 1
    span = (first, max(now, first + 1))

    def place(at: float) -> float:
        return LEFT + scale(at, *span, WIDTH - LEFT - RIGHT)

    _axis(canvas, span, place)
    last_label = -LABEL_GAP
    for index, one in enumerate(rows):
        x = place(float(one["at"]))
        end = place(float(rows[index + 1]["at"])) if index + 1 < len(rows) else place(now)
        back = one["kind"] == "rollback"
        shade = "warm" if back else "good"
        soft = " soft" if index % 2 else ""
        canvas.box((x, LINE_Y - 7), (max(end - x, 1.5), 14), f"f-{shade}{soft}")
        canvas.line((x, LINE_Y - 26), (x, LINE_Y - 7), f"s-{shade}", 1.2)
        canvas.dot((x, LINE_Y - 28), 4.5, f"f-{shade}", _said(one))
        if x - last_label >= LABEL_GAP:
            tag = str(one["tag"]).removeprefix("release/").replace("rollback/", "↩ ")
            canvas.text((x, LINE_Y - 38), tag, "t", "middle" if x > LEFT + 14 else "start")
            last_label = x
    return canvas.svg()


def _axis(canvas: Canvas, span: tuple[float, float], place: Any) -> None:
    days = (span[1] - span[0]) / 86_400
    form = "%d %b" if days > TICKS else "%d %b %H:%M" if days > 1 else "%H:%M"
    for tick in range(TICKS + 1):
        at = span[0] + (span[1] - span[0]) * tick / TICKS
        x = place(at)
        canvas.path(f"M{n(x)} 24V{n(LINE_Y + 20)}", "grid", 1)
        anchor = "start" if tick == 0 else "end" if tick == TICKS else "middle"
        canvas.text((x, LINE_Y + 38), time.strftime(form, time.localtime(at)), "m", anchor)


def _said(one: Row) -> str:
    what = f"returned to {one['restores']}" if one["kind"] == "rollback" else str(one["goal"] or "")
    what = what[:GOAL_CHARS_MAX]
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one["at"]))
    why = f"\n{one['reason'][:GOAL_CHARS_MAX]}" if one.get("reason") else ""
    return f"{one['tag']} · {when}\n{what}{why}"
