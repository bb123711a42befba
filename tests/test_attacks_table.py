"""The table of attacks that people read is the one that the tests make."""

from __future__ import annotations

from pathlib import Path

from tests.attacks.table import ATTEMPTS, BEGIN, END, rendered, shown

README = Path(__file__).resolve().parents[1] / "fitness/README.md"


def test_every_row_is_tried() -> None:
    """No attempt of the list is without a test."""
    assert [row for row in ATTEMPTS if not shown()[row]] == []


def test_the_table_is_what_the_tests_say() -> None:
    """Written anew with: python -m tests.attacks.table"""
    text = README.read_text(encoding="utf-8")
    kept = text.split(BEGIN)[1].split(END)[0].strip()
    assert kept == rendered()
