"""Tool calls in text: how many are read exactly, what is read wrongly, and how fast.

    ops/bench.sh extraction --cases PATH [--misses]

PATH holds one case a line, or is a folder of such files (`*.jsonl`): `model_output`, `expected`,
`tools`, `tier`. Measured are the cases of tier A; every case must survive every split. The last
line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from daemon.agent.extraction import Extraction, Stream, extract, gathered
from tests.bench.figures import Figure, median, show

PIECES = (1, 2, 3, 5, 8)
SPEED_CHARS = 4_000_000
SPEED_RUNS = 5
BOMB_CHARS = 1_000_000
BOMBS = {
    "tags": "<tool_call>",
    "braces": '{"name": ',
    "brackets": "[",
    "quotes": '<tool_call>{"name": "',
    "parameters": "<function=a><parameter=b>",
    "think": "<think>",
    "keys": '{"name":"a","arguments":{"b":',
    "escapes": '<tool_call>{"a":"\\',
    "calls": "[f(a=",
    "fences": "\n```json\n{",
    "headers": "<|tool_call_begin|>",
}
PROSE = (
    "The parser reads a < b, {x}, [y] and `code`; it skips to the next thing that may begin\n"
    "a call. def f(a: dict[str, int]) -> None: return {'k': [1, 2, 3]}  # <b>not</b> a call\n"
)
Case = Mapping[str, Any]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="extraction")
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--misses", action="store_true", help="tell each on standard error")
    parser.add_argument("--formats", type=Path, help="only the formats in this JSON list")
    parser.add_argument("--without", type=Path, help="only formats that are not in it")
    options = parser.parse_args(arguments)
    cases = list(_chosen(_cases_in(options.cases), options))
    if not cases:
        sys.exit(f"there are no cases in {options.cases}: name a JSONL file, or a folder of them")
    show("extraction", measured(cases, options.misses) | speeds())
    return 0


def _cases_in(path: Path) -> list[Case]:
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path] if path.exists() else []
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    try:
        return [json.loads(line) for line in lines if line.strip()]
    except ValueError as error:
        sys.exit(f"a line of {path} is no JSON ({error}): one case a line")


def _chosen(cases: Iterable[Case], options: argparse.Namespace) -> Iterable[Case]:
    only = set(json.loads(options.formats.read_text())) if options.formats else None
    never = set(json.loads(options.without.read_text())) if options.without else set()
    for case in cases:
        if (only is None or case["format"] in only) and case["format"] not in never:
            yield case


def measured(cases: Sequence[Case], tell: bool) -> dict[str, Figure]:
    scored = [case for case in cases if case.get("tier") == "A" and case.get("name_in_text", True)]
    positive = [case for case in scored if case["expected"]]
    negative = [case for case in scored if not case["expected"]]
    exact = [case for case in positive if _exact(case, _run(case, hinted=True))]
    detected = [case for case in positive if _exact(case, _run(case, hinted=False))]
    wrong = [case for case in negative if _run(case, hinted=True).calls]
    split = [case for case in cases if not _same_in_pieces(case)]
    if tell:
        _tell("missed", [case for case in positive if case not in exact])
        _tell("missed without the model's name", [one for one in exact if one not in detected])
        _tell("false", wrong)
        _tell("split", split)
    return {
        "exact": Figure(len(exact), "cases"),
        "exact_detected": Figure(len(detected), "cases"),
        "total": Figure(len(positive), "cases"),
        "false_calls": Figure(len(wrong), "cases"),
        "negatives": Figure(len(negative), "cases"),
        "split_mismatches": Figure(len(split), "cases"),
    }


def _tell(what: str, cases: Sequence[Case]) -> None:
    for case in cases:
        got = [(one.name, one.arguments) for one in _run(case, hinted=True).calls]
        print(f"{what}: {case['id']} {case['format']}", file=sys.stderr)
        print(f"  {case['model_output']!r}", file=sys.stderr)
        print(f"  expected {case['expected']}\n  got      {got}", file=sys.stderr)


def _settings(case: Case, hinted: bool) -> tuple[Any, str | None, bool]:
    """Tools that a source does not tell are not known; a source that had none declared none."""
    tools = case.get("tools")
    if not tools:
        tools = [] if case.get("has_tools") is False else None
    family = case.get("format") if hinted else None
    return tools, family, bool(case.get("llamacpp_prefilled_think"))


def _run(case: Case, hinted: bool) -> Extraction:
    tools, family, prefilled = _settings(case, hinted)
    return extract(case["model_output"], tools, family, prefilled_think=prefilled)


def _exact(case: Case, got: Extraction) -> bool:
    expected = [(one["name"], one["arguments"]) for one in case["expected"]]
    found = [(one.name, one.arguments) for one in got.calls]
    return len(expected) == len(found) and all(
        a[0] == b[0] and same(a[1], b[1]) for a, b in zip(expected, found, strict=True)
    )


def same(a: Any, b: Any) -> bool:
    """42 is 42.0, but true is not 1."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def _same_in_pieces(case: Case) -> bool:
    text = case["model_output"]
    whole = _view(_run(case, hinted=True))
    cuts = [[text[at : at + size] for at in range(0, len(text), size)] for size in PIECES]
    cuts += [[text[:at], text[at:]] for at in range(len(text) + 1)]
    return all(_view(_fed(case, pieces)) == whole for pieces in cuts) and (
        "".join(part.text for part in _run(case, hinted=True).parts) == text
    )


def _fed(case: Case, pieces: Iterable[str]) -> Extraction:
    tools, family, prefilled = _settings(case, hinted=True)
    stream = Stream(tools, family, prefilled_think=prefilled)
    parts = [part for piece in pieces for part in stream.feed(piece)]
    return gathered([*parts, *stream.close()])


def _view(one: Extraction) -> tuple[Any, ...]:
    calls = json.dumps([(call.name, call.arguments) for call in one.calls])
    return calls, one.content, one.reasoning, one.faults


def speeds() -> dict[str, Figure]:
    prose = PROSE * (SPEED_CHARS // len(PROSE))
    plain = [_mb_per_s(prose) for _ in range(SPEED_RUNS)]
    stream = [_mb_per_s(prose[: SPEED_CHARS // 10], piece=4)]
    figures = {
        "mb_per_s": median(plain, "MB/s", 2),
        "streamed_mb_per_s": median(stream, "MB/s", 2),
    }
    for name, bomb in BOMBS.items():
        small, large = (
            _seconds(bomb * (size // len(bomb))) for size in (BOMB_CHARS // 4, BOMB_CHARS)
        )
        figures[f"bomb_{name}_s"] = Figure(round(large, 3), "s")
        figures[f"bomb_{name}_growth"] = Figure(round(large / small, 2), "times for 4 times")
    return figures


def _seconds(text: str, piece: int | None = None) -> float:
    stream = Stream([{"name": "f", "parameters": {}}])
    size = piece or len(text)
    began = time.perf_counter()
    for at in range(0, len(text), size):
        stream.feed(text[at : at + size])
    stream.close()
    return time.perf_counter() - began


def _mb_per_s(text: str, piece: int | None = None) -> float:
    return len(text) / 1e6 / _seconds(text, piece)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
