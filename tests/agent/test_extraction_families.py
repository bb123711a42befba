"""Each family's way of calling is read, whole and in pieces; what is no call stays text."""

from __future__ import annotations

import pytest

from daemon.agent.extraction import Extraction, Stream, extract, gathered
from daemon.agent.extraction.families import GRAMMARS
from tests.agent.extraction_case import TOOLS
from tests.agent.extraction_cases import FAMILIES as PLAIN
from tests.agent.extraction_more import MORE
from tests.agent.extraction_negatives import NO_CALLS
from tests.agent.extraction_tokens import TOKENS_AND_TAGS

FAMILIES = PLAIN | MORE | TOKENS_AND_TAGS
PIECES = (1, 2, 3, 5, 8)


def fed(text: str, cuts: list[str], model: str | None = None) -> Extraction:
    stream = Stream(TOOLS, model)
    parts = [part for piece in cuts for part in stream.feed(piece)]
    assert "".join(cuts) == text
    return gathered([*parts, *stream.close()])


def splits(text: str) -> list[list[str]]:
    found = [[text[at : at + size] for at in range(0, len(text), size)] for size in PIECES]
    return [*found, *([text[:at], text[at:]] for at in range(len(text) + 1))]


def seen(one: Extraction) -> tuple[object, ...]:
    return one.calls, one.content, one.reasoning, one.faults


@pytest.mark.parametrize("name", FAMILIES)
def test_the_calls_of_each_family_are_read(name: str) -> None:
    """Names, order, arguments with their types; no markup is left in the content."""
    text, model, calls, content = FAMILIES[name]
    found = extract(text, TOOLS, model)
    assert [(one.name, one.arguments) for one in found.calls] == calls
    assert found.content == content


@pytest.mark.parametrize("name", FAMILIES)
def test_any_split_finds_the_same(name: str) -> None:
    """In pieces of five sizes and cut at every point; and the parts make up the text."""
    text, model, _, _ = FAMILIES[name]
    whole = extract(text, TOOLS, model)
    assert "".join(part.text for part in whole.parts) == text
    for cuts in splits(text):
        assert seen(fed(text, cuts, model)) == seen(whole), cuts


@pytest.mark.parametrize("name", NO_CALLS)
def test_what_is_no_call_is_shown(name: str) -> None:
    """Nothing is called and no byte is lost, in one shot or in pieces."""
    text = NO_CALLS[name]
    found = extract(text, TOOLS)
    assert not found.calls
    assert found.content == text
    for cuts in splits(text)[:20]:
        assert seen(fed(text, cuts)) == seen(found)


@pytest.mark.parametrize("name", ["undeclared", "undeclared_xml", "nan", "infinite", "twice"])
def test_a_refused_call_says_why(name: str) -> None:
    """So that the model can be told."""
    (fault,) = extract(NO_CALLS[name], TOOLS).faults
    assert fault.why


def test_without_declarations_nothing_is_a_call() -> None:
    """An empty list of tools was declared; tools that are not known may have any name."""
    text = '<tool_call>{"name": "a", "arguments": {}}</tool_call>'
    assert not extract(text, []).calls
    assert [one.name for one in extract(text, None).calls] == ["a"]


def test_content_comes_before_the_call_is_complete() -> None:
    """A reader sees text at once, and a call when its closing tag has come."""
    stream = Stream(TOOLS)
    assert [part.text for part in stream.feed("Hello there")] == ["Hello there"]
    assert not [part for part in stream.feed(" <tool_call>{") if part.kind == "content"]
    parts = stream.feed('"name": "stop", "arguments": {}}</tool_call>')
    assert [call.name for part in parts for call in part.calls] == ["stop"]
    assert stream.close() == []


def test_reasoning_comes_as_it_is_thought() -> None:
    """Its calls are only thoughts; what follows is content again."""
    stream = Stream(TOOLS, prefilled_think=True)
    (part,) = stream.feed("I could [stop()] here")
    assert (part.kind, part.text) == ("reasoning", "I could [stop()] here")
    found = gathered([part, *stream.feed("</think>[stop()]"), *stream.close()])
    assert [call.name for call in found.calls] == ["stop"]
    assert found.reasoning == "I could [stop()] here"


def test_a_stream_that_ended_takes_no_more() -> None:
    """Text after the end would be lost, so it is refused."""
    stream = Stream(TOOLS)
    stream.close()
    with pytest.raises(ValueError, match="after its end"):
        stream.feed("x")


def test_grammars_have_names_of_their_own() -> None:
    """Each grammar can be told from the others."""
    names = [grammar.name for grammar in GRAMMARS]
    assert len(set(names)) == len(names)
