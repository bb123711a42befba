"""Laws for any text: no split matters, nothing is lost or raised, time is linear."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.agent.extraction import Extraction, Stream, extract, gathered
from tests.agent.extraction_case import JSON, TOOLS
from tests.agent.extraction_cases import FAMILIES
from tests.agent.extraction_negatives import NO_CALLS

LAWS = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
BOMB_CHARS = 120_000
BOMB_SECONDS_MAX = 4.0
WORDS = [
    *("<tool_call>", "</tool_call>", "<function=weigh>", "<parameter=grams>", "</parameter>"),
    *("</function>", '<invoke name="weigh">', "</invoke>", "<think>", "</think>", "[TOOL_CALLS]"),
    *(
        "```json\n",
        "```\n",
        "```",
        "\n",
        " ",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "\\",
        ",",
        ":",
        "(",
        ")",
    ),
    *("weigh", "stop()", '"name"', '"arguments"', "grams=7", "<|", "|>", "<｜", "TOOL:", JSON),
    *(
        "<|channel|>",
        "<|message|>",
        "to=functions.weigh",
        "<|python_tag|>",
        "<arg_key>",
        "</arg_key>",
    ),
    *("<|tool_call_begin|>", "functions.weigh:0", "<|tool_call_argument_begin|>", "]<]minimax[>["),
    *(
        '<|tool_call>call:weigh{label:<|"|>x<|"|>}',
        "<tool_call|>",
        "Ünïcödé 漢字",
        "\ud800",
        "\x00",
    ),
]


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    marks = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[a:b] for a, b in pairwise(marks)]


def fed(pieces: list[str], prefilled: bool, model: str | None) -> Extraction:
    stream = Stream(TOOLS, model, prefilled_think=prefilled)
    parts = [part for piece in pieces for part in stream.feed(piece)]
    return gathered([*parts, *stream.close()])


def seen(one: Extraction) -> tuple[object, ...]:
    return one.calls, one.content, one.reasoning, one.faults


texts = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=30).map("".join),
    st.lists(
        st.sampled_from([*NO_CALLS.values(), *(one[0] for one in FAMILIES.values())]), max_size=4
    ).map("\n".join),
    st.text(alphabet="<>{}[]()|\"'`\\:=,/ \n_aTt1", max_size=80),
)


@given(
    texts,
    st.lists(st.integers(0, 10_000), max_size=12),
    st.booleans(),
    st.sampled_from([None, "functionary", "olmo-3"]),
)
@LAWS
def test_any_split_equals_one_shot(
    text: str, cuts: list[int], prefilled: bool, model: str | None
) -> None:
    """Where the text was cut changes neither the calls nor the content."""
    whole = extract(text, TOOLS, model, prefilled_think=prefilled)
    assert seen(fed(pieces_of(text, cuts), prefilled, model)) == seen(whole)


@given(texts, st.booleans())
@LAWS
def test_the_parts_are_the_text(text: str, prefilled: bool) -> None:
    """Content, reasoning and markup account for every character, in order."""
    whole = extract(text, TOOLS, prefilled_think=prefilled)
    assert "".join(part.text for part in whole.parts) == text
    assert whole.content == "".join(one.text for one in whole.parts if one.kind == "content")


@given(st.lists(st.sampled_from(list(FAMILIES)), min_size=1, max_size=3), st.text(max_size=20))
@LAWS
def test_cut_off_calls_are_never_guessed(names: list[str], tail: str) -> None:
    """Whatever was found names a declared tool and has arguments that JSON can hold."""
    text = "\n".join(FAMILIES[name][0] for name in names)
    for end in range(0, len(text), 7):
        for call in extract(text[:end] + tail, TOOLS).calls:
            assert call.name in {tool["function"]["name"] for tool in TOOLS}
            assert isinstance(call.arguments, dict)


@pytest.mark.parametrize(
    "bomb",
    [
        *(
            "<tool_call>",
            "<think>",
            "{",
            "[",
            "[{",
            "(",
            '"',
            "'",
            "<",
            "<|",
            "```json\n",
            "\\",
            "<a>",
        ),
        *(
            '<tool_call>{"name": "',
            '<tool_call>{"a":"\\',
            '{"name": ',
            '[{"name": ',
            "[f(a=",
            "f(a=",
        ),
        *("<function=weigh><parameter=label>", '<invoke name="weigh"><parameter name="label">'),
        *(
            "<tool_call>weigh<arg_key>a</arg_key><arg_value>",
            "[TOOL_CALLS]",
            "TOOL: weigh ARGUMENTS: {",
        ),
        *(
            "\n```json\n{",
            "<|channel|>",
            "<｜tool▁call▁begin｜>weigh<｜tool▁sep｜>{",
            "<weigh><grams>",
        ),
        *("]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=", "<|tool_call>call:weigh{a:"),
        *("<tool_call>[weigh(label='x', ", "\n", " ", "a ", '{"name": "weigh", "arguments": {'),
    ],
)
def test_bombs_take_linear_time(bomb: str) -> None:
    """Whole, and in pieces as a model sends them."""
    text = (bomb * (BOMB_CHARS // len(bomb) + 1))[:BOMB_CHARS]
    began = time.process_time()
    extract(text, TOOLS)
    fed([text[at : at + 16] for at in range(0, len(text), 16)], False, None)
    assert time.process_time() - began < BOMB_SECONDS_MAX


def test_long_streams_find_the_same() -> None:
    """What was read is let go of, and nothing that is found depends on it."""
    filler = "Words that lead to nothing, and < some { marks [ too.\n" * 700
    text = filler.join(one[0] for one in list(FAMILIES.values())[:12])
    whole = extract(text, TOOLS)
    for size in (64, 1_000, 65_537):
        cut = [text[at : at + size] for at in range(0, len(text), size)]
        assert seen(fed(cut, False, None)) == seen(whole)


class Short(Stream):
    call_chars_max = 400


def test_a_call_longer_than_the_limit_is_text() -> None:
    """However it came, and the next call is found again."""
    long = f'<tool_call>{{"name": "sh", "arguments": {{"command": "{"x" * 600}"}}}}</tool_call>'
    text = f"{long} then <tool_call>{JSON}</tool_call>"
    found = []
    for size in (len(text), 1, 7, 100, 399, 400, 401):
        stream = Short(TOOLS)
        parts = [
            one for at in range(0, len(text), size) for one in stream.feed(text[at : at + size])
        ]
        found.append(seen(gathered([*parts, *stream.close()])))
    assert all(one == found[0] for one in found)
    assert [call.name for call in gathered([*parts]).calls] == ["weigh"]


def test_deep_nesting_is_text() -> None:
    """Two hundred thousand brackets break no stack."""
    for text in ("[" * 200_000, '<tool_call>{"name":"weigh","arguments":' + "[" * 200_000):
        found = extract(text, TOOLS)
        assert (found.calls, found.content) == ((), text)
