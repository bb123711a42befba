"""Calls in a model's text: found where they are declared tools, left alone where they are not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.agent.extraction import Call, extract

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("read", "write")
]
READ = Call("read", {"path": "a"})


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('```json\n{"name": "read", "arguments": {"path": "a"}}\n```', [READ]),
        ('<tool_call>\n{"name": "read", "arguments": {"path": "a"}}\n</tool_call>', [READ]),
        ('{"name": "read", "parameters": {"path": "a"}}', [READ]),
        ('I look.\n```json\n{"name": "read", "arguments": {"path": "a"}}\n```\n', [READ]),
        ('{"name": "fly", "arguments": {}}', []),
        ("no call at all", []),
        ('the JSON {"name": "read"} stands in prose', []),
    ],
)
def test_calls_are_found_where_they_are_calls(text: str, calls: list[Call]) -> None:
    """Only a declared tool, written as a call of its own, is one."""
    assert list(extract(text, TOOLS).calls) == calls


def test_reasoning_is_kept_apart() -> None:
    """A call that was only thought of is not made."""
    thought = '<think>maybe {"name": "read"}</think>Hello'
    found = extract(thought, TOOLS)
    assert (list(found.calls), found.content) == ([], "Hello")
    assert "maybe" in found.reasoning


@given(st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    """Nothing raises, and nothing is lost."""
    found = extract(text, TOOLS)
    assert "".join(part.text for part in found.parts) == text


@pytest.mark.parametrize("piece", ["<tool_call>", "{", "[", "```json\n", '{"a":', "<think>"])
def test_bombs_take_linear_time(piece: str) -> None:
    """A megabyte of openers is over quickly (attack W8)."""
    began = time.process_time()
    extract(piece * (1_000_000 // len(piece)), TOOLS)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("piece", ["<|tool_call_begin|>", "<|channel|>", "<function=", "<a><name>"])
def test_headers_without_an_end_take_linear_time(piece: str) -> None:
    """Each is given up after the few characters that a header may have."""
    began = time.process_time()
    extract(piece * (4_000_000 // len(piece)), TOOLS)
    assert time.process_time() - began < 5
