"""Prompts are files; this reads them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def prompt(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8").strip()
