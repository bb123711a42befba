"""Fitness over the generations: who passed, what each gate took, what an improvement cost."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ops.pictures.draw import Canvas, born, colour, n, poly, scale

Row = Mapping[str, Any]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1100.0, 230.0, 54.0, 16.0, 18.0, 30.0
OUTCOMES_MAX, HEAT_MAX, RUNS_MAX, WINDOW, BARS_MAX = 300, 60, 120, 9, 60
REASON_CHARS_MAX = 160
CELL, NAME_WIDTH, ROW_HEIGHT = 15.0, 120.0, 19.0


def outcomes(states: Sequence[Row], gates: Sequence[Row]) -> str:
    """Each candidate as a dot at the share of gates it passed; the line is the acceptance rate."""
    shown = states[-OUTCOMES_MAX:]
    shares = _shares(gates)
    canvas = Canvas(WIDTH, HEIGHT, "Fitness over generations", f"{len(shown)} candidates.")
    _frame(canvas, ("0 %", "50 %", "100 %"))
    line, accepted = [], 0
    for index, one in enumerate(shown):
        x = _x(index, len(shown))
        accepted += one["state"] == "promoted"
        line.append((x, _y((accepted) / (index + 1))))
        share = shares.get(str(one["id"]))
        if share is not None:
            said = f"{one['id']}: {one['state']}, {share:.0%} of its gates passed"
            canvas.dot((x, _y(share)), 3.6, f"f-{colour(str(one['state']))} soft", said)
    if len(line) > 1:
        canvas.path(poly(line), "s-good", 2.2)
    _ends(canvas, shown)
    return canvas.svg()


def _shares(gates: Sequence[Row]) -> dict[str, float]:
    told: dict[str, list[bool]] = {}
    for one in gates:
        told.setdefault(str(one["candidate"]), []).append(bool(one["passed"]))
    return {name: sum(found) / len(found) for name, found in told.items()}


def durations(gates: Sequence[Row], name: str) -> str:
    """One gate's seconds, run by run, in the band of what it usually takes."""
    spans = [float(one["seconds"]) for one in gates if one["name"] == name][-RUNS_MAX:]
    passed = [bool(one["passed"]) for one in gates if one["name"] == name][-RUNS_MAX:]
    most = max(spans, default=1.0) or 1.0
    canvas = Canvas(340, 96, f"{name}: seconds", f"{len(spans)} runs, at most {most:.1f} s.")

    def at(index: int, value: float) -> tuple[float, float]:
        return 6 + scale(index, 0, max(1, len(spans) - 1), 328), 74 - scale(value, 0, most, 48)

    usual = [_usual(spans, index) for index in range(len(spans))]
    upper = [at(i, min(most, mid + noise)) for i, (mid, noise) in enumerate(usual)]
    lower = [at(i, max(0.0, mid - noise)) for i, (mid, noise) in enumerate(usual)]
    canvas.area([*upper, *reversed(lower)], "band")
    if len(usual) > 1:
        canvas.path(poly([at(i, mid) for i, (mid, _) in enumerate(usual)]), "s-cool", 1.6)
    for shade, kind in ((True, "s-dim"), (False, "s-bad")):
        told = [at(i, span) for i, span in enumerate(spans) if passed[i] is shade]
        canvas.dots(told, 4.2, kind)
    canvas.text((6, 14), name, "t")
    last = f"{statistics.median(spans):.1f} s" if spans else ""
    canvas.text((334, 14), last, "m", "end")
    canvas.text((6, 91), f"{len(spans)} runs")
    return canvas.svg()


def _usual(values: Sequence[float], index: int) -> tuple[float, float]:
    """Median and noise (1.5 times the median distance from it) of the runs around one."""
    near = values[max(0, index - WINDOW) : index + WINDOW + 1]
    middle = statistics.median(near)
    return middle, 1.5 * statistics.median(abs(value - middle) for value in near)


def heat(gates: Sequence[Row]) -> str:
    """Gate by candidate: passed, failed, or not reached; by colour and by shape."""
    names = list(dict.fromkeys(str(one["name"]) for one in gates))
    runs = list(dict.fromkeys(str(one["candidate"]) for one in gates))[-HEAT_MAX:]
    place = {run: index for index, run in enumerate(runs)}
    width = max(420.0, NAME_WIDTH + CELL * max(1, len(runs)) + 10)
    height = ROW_HEIGHT * max(1, len(names)) + 10
    about = f"{len(names)} gates, {len(runs)} candidates."
    canvas = Canvas(width, height, "Gates by candidate", about)
    passed: list[str] = []  # as one shape: of those that passed there is nothing more to say
    for row, name in enumerate(names):
        canvas.text((NAME_WIDTH - 10, row * ROW_HEIGHT + 16), name, "m", "end")
    for one in gates:
        column = place.get(str(one["candidate"]))
        if column is None:
            continue
        x, y = NAME_WIDTH + column * CELL, names.index(str(one["name"])) * ROW_HEIGHT + 5
        if one["passed"]:
            passed.append(f"M{n(x)} {n(y)}h{n(CELL - 3)}v{n(ROW_HEIGHT - 5)}H{n(x)}z")
        else:
            reason = str(one.get("reason", ""))[:REASON_CHARS_MAX]
            said = f"{one['candidate']} · {one['name']}: {reason}"
            canvas.box((x, y), (CELL - 3, ROW_HEIGHT - 5), "f-bad", said)
            canvas.text((x + (CELL - 3) / 2, y + 11), "×", "cross", "middle")
    canvas.path("".join(passed), "f-good soft", 0)
    return canvas.svg()


def spending(states: Sequence[Row]) -> str:
    """Tokens that each accepted improvement cost, with those of the tries that failed before it."""
    bars: list[tuple[str, int, int]] = []
    failed = 0
    for one in states:
        if one["state"] == "promoted":
            bars.append((str(one["id"]), int(one["tokens"]), failed))
            failed = 0
        elif one["state"] in ("rejected", "abandoned"):
            failed += int(one["tokens"])
    bars = bars[-BARS_MAX:]
    most = max((own + lost for _, own, lost in bars), default=1) or 1
    canvas = Canvas(WIDTH, HEIGHT, "Tokens per improvement", f"{len(bars)} improvements.")
    _frame(canvas, ("0", _short(most / 2), _short(most)))
    step = (WIDTH - LEFT - RIGHT) / max(12, len(bars))
    full = HEIGHT - TOP - BOTTOM
    for index, (name, own, lost) in enumerate(bars):
        x, high, under = LEFT + index * step, own / most * full, lost / most * full
        said = f"{name}: {own} tokens, and {lost} in tries before it"
        canvas.box((x + 2, HEIGHT - BOTTOM - high), (step - 4, high), "f-good", said)
        top = HEIGHT - BOTTOM - high - under
        canvas.box((x + 2, top), (step - 4, under), "f-dim soft", said)
    return canvas.svg()


def _short(value: float) -> str:
    return f"{value / 1000:.0f} k" if value >= 10_000 else f"{value:.0f}"


def _frame(canvas: Canvas, labels: Sequence[str]) -> None:
    for index, label in enumerate(labels):
        y = _y(index / (len(labels) - 1))
        canvas.line((LEFT, y), (WIDTH - RIGHT, y), "grid")
        canvas.text((LEFT - 8, y + 4), label, "m", "end")


def _ends(canvas: Canvas, shown: Sequence[Row]) -> None:
    if shown:
        canvas.text((LEFT, HEIGHT - 8), born(str(shown[0]["id"])))
        canvas.text((WIDTH - RIGHT, HEIGHT - 8), born(str(shown[-1]["id"])), "m", "end")


def _x(index: int, count: int) -> float:
    return LEFT + 6 + scale(index, 0, max(1, count - 1), WIDTH - LEFT - RIGHT - 12)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
