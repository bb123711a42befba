"""What org sees by itself becomes a wish only with evidence, and is the same wish each time."""

from __future__ import annotations

import pytest

from daemon.core.observed import errors, failing_tools, flaky_gates, open_rows, slow_routes


def test_an_error_that_comes_again_is_a_wish() -> None:
    """Numbers, names and paths aside; a rare one is none."""
    lines = [f"KeyError: 'k{number}' at 0x{number:x}" for number in range(5)]
    found = errors([*lines, "ValueError: once", "all is well: 200"])
    assert [wish.text for wish in found] == ["Mend what makes current log: KeyError: … at …"]
    assert found[0].evidence == "seen 5 times, first as: KeyError: 'k0' at 0x0"
    assert found[0].id == errors(lines[1:])[0].id


def test_a_tool_that_mostly_fails_is_a_wish() -> None:
    def result(tool: str, ok: bool) -> dict[str, object]:
        return {"kind": "author.result", "said": {"tool": tool, "ok": ok}}

    events = [result("sh", number % 3 == 0) for number in range(12)]
    events += [result("read_file", True)] * 20 + [result("run_tests", False)] * 20
    events += [result("rare", False)] * 3
    found = failing_tools(events)
    assert [wish.evidence for wish in found] == ["8 of 12 calls failed"]


def test_a_gate_with_two_verdicts_is_a_wish() -> None:
    """One for each gate, whatever many commits it wavered on."""
    named = [
        ("load", "a" * 40, "too slow"),
        ("load", "b" * 40, "it leaks"),
        ("lint", "c" * 40, "E"),
    ]
    found = flaky_gates(named)
    assert [wish.text.split()[3] for wish in found] == ["lint", "load"]
    assert found[1].evidence == "two verdicts on aaaaaaaaaaaa: too slow; bbbbbbbbbbbb: it leaks"


def test_a_route_that_got_slow_is_a_wish() -> None:
    """Against its own history, by much, and seen often enough; a new route has none."""
    before = {"GET /a": [4.0, 5.0, 6.0], "GET /b": [4.0, 5.0, 6.0], "GET /c": [4.0]}
    now = {"GET /a": (50, 21.0), "GET /b": (50, 9.0), "GET /c": (50, 90.0), "GET /d": (50, 9.0)}
    found = slow_routes(now, before)
    assert [wish.text for wish in found] == ["Make GET /a answer as fast as it did"]
    assert "21.0 ms" in found[0].evidence and "it was 5.0 ms" in found[0].evidence
    assert slow_routes({"GET /a": (3, 21.0)}, before) == []


def test_open_rows_of_a_todo_are_wishes() -> None:
    rows = open_rows({"TODO.md": "# to do\n- [ ] answer faster\n- [x] done\n* [ ] tell more\n"})
    assert [wish.text for wish in rows] == ["answer faster", "tell more"]


@pytest.mark.parametrize(
    "after", ["- [x] done already", "## A heading", "    ", "", "\t- [x] done", "ab", "[ ] ab"]
)
@pytest.mark.parametrize("row", ["- [ ]", "- [ ] ", "* [ ]\t", "  - [ ]    ", "- [ ] a   ", "-"])
def test_an_open_row_without_words_is_no_wish(row: str, after: str) -> None:
    """Nor does it take the next line for its own; Windows' line ends are none of its words."""
    assert open_rows({"TODO.md": f"{row}\n{after}\n"}) == []
    assert open_rows({"TODO.md": f"{row}\r\n{after}\r\n"}) == []
    (wish,) = open_rows({"TODO.md": f"{row}\n  - [ ] tell more  \n{row}\n{after}"})
    assert wish.text == "tell more"
