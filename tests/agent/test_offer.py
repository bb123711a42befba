"""What tools cost a model's context, counted by a real tokenizer, and never told twice."""

from __future__ import annotations

import json

import pytest
from tokenizers import BertWordPieceTokenizer

from daemon.agent.author import Job, opening
from daemon.agent.offer import (
    SMALL_TOKENS_MAX,
    TOKENS_MAX,
    declared,
    is_small,
    small_form,
    tokens_in,
)
from daemon.agent.tools import TOOLS
from daemon.state.embedding import WORD_PIECES

COUNT = BertWordPieceTokenizer(str(WORD_PIECES), lowercase=True)


def counted(text: str) -> int:
    """Tokens of a real vocabulary; it takes each sign alone, where a model's takes them in runs."""
    return len(COUNT.encode(text).ids)


def test_all_tools_fit_into_the_default_budget() -> None:
    """None is left out, and none has to lose its descriptions."""
    schemas = declared(TOOLS)
    assert [one["function"]["name"] for one in schemas] == [tool.name for tool in TOOLS]
    assert schemas == [tool.schema() for tool in TOOLS]


@pytest.mark.parametrize("budget", [150, 300, 600, 1_000, TOKENS_MAX])
def test_a_budget_is_kept(budget: int) -> None:
    """By leaving out descriptions, then tools; the needed ones are the last to go."""
    schemas = declared(TOOLS, budget)
    names = [one["function"]["name"] for one in schemas]
    assert tokens_in(json.dumps(schemas)) <= budget
    assert "done" in names


def test_the_small_form_is_small() -> None:
    """And holds what a small model needs to end well."""
    text = small_form(TOOLS)
    assert counted(text) <= SMALL_TOKENS_MAX
    for name in ("read_file(path)", "write_file(path, content)", "run_tests()", "done(summary)"):
        assert name in text


@pytest.mark.parametrize(
    ("model", "small"),
    [
        ("qwen2.5-coder:1.5b", True),
        ("llama3.2:3b", True),
        ("SmolLM2-135M-Instruct", True),
        ("qwen3:0.6b", True),
        ("qwen3:8b", False),
        ("gpt-oss:120b", False),
        ("qwen3:30b-a3b", False),
        ("claude-sonnet-5", False),
    ],
)
def test_a_small_model_is_known_by_its_name(model: str, small: bool) -> None:
    assert is_small(model) == small


@pytest.mark.parametrize("model", ["qwen2.5-coder:1.5b", "qwen3:32b"])
def test_a_model_is_told_of_its_tools_once(model: str) -> None:
    """In words or in schemas; how a call is written stands once in the prompt."""
    job = Job(goal="x", model=model)
    system, user = opening(job)
    assert system.content.count("```json") == 1
    assert ("read_file(path)" in system.content) == (job.declared() == [])
    assert "Goal: x" in user.content
