"""Values as models write them: lenient in spelling, strict in what is let in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.agent.extraction import extract
from daemon.agent.extraction.declared import typed
from daemon.agent.extraction.lenient import BadValue, parse
from tests.agent.extraction_case import TOOLS

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: 1, 'b': True, \"c\": None,}", {"a": 1, "b": True, "c": None}),
        ("[1, 2.5e3, -7, 1_000,]", [1, 2500.0, -7, 1000]),
        ("{'it': 'don\\'t', x: \"say \\\"hi\\\"\"}", {"it": "don't", "x": 'say "hi"'}),
        ('{"path": "C:\\\\dir\\new"}', {"path": "C:\\dir\new"}),
        ("{type: function, id: call_1}", {"type": "function", "id": "call_1"}),
        ('{\'\'\'a\'\'\': """b "c" d"""}', {"a": 'b "c" d'}),
        ('{"raw": "two\nlines"}', {"raw": "two\nlines"}),
        ('{"half": "\\ud800!"}', {"half": "\ufffd!"}),
        ("{'half': '\\ud83d\\ude00'}", {"half": "😀"}),
        ("{u: undefined}", {"u": None}),
    ],
)
def test_near_json_is_read(text: str, value: Any) -> None:
    """JavaScript's and Python's spellings, and commas too many."""
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "[Infinity]", "{a: nan}", "1e999", "9" * 65, "[1 2]", "{a 1}", "{1: }", "'open"),
        *("[" * 65 + "]" * 65, "{'a': 1, a: 2}", '{"a": 1, "a": 2}', "1 2", ""),
    ],
)
def test_what_must_not_come_in_is_refused(text: str) -> None:
    """Boundless numbers, what is no number, one key with two values, and what is no value."""
    with pytest.raises(BadValue):
        parse(text)


@given(JSON_VALUES)
def test_exact_json_is_read_exactly(value: Any) -> None:
    """What the standard library reads, this reads the same."""
    assert parse(json.dumps(value)) == value


@given(st.text(alphabet="{}[]()\"'\\:,=ae1.-N \n_", max_size=40))
def test_any_text_is_a_value_or_refused(text: str) -> None:
    """Nothing else is ever raised."""
    try:
        json.dumps(parse(text))
    except BadValue:
        return


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("7", {"type": "integer"}, 7),
        ("7", {"type": "string"}, "7"),
        ("\n7\n", {"type": "string"}, "7"),
        ("seven", {"type": "integer"}, "seven"),
        ("7.5", {"type": "number"}, 7.5),
        ("True", {"type": "boolean"}, True),
        ("null", {"type": ["string", "null"]}, None),
        ("null", {"type": "string"}, "null"),
        ("nullable", {"anyOf": [{"type": "string"}, {"type": "null"}]}, "nullable"),
        ("{'a': 1}", {"type": "object"}, {"a": 1}),
        ("[1, 2", {"type": "array"}, "[1, 2"),
        ("7", {"enum": ["7", "8"]}, "7"),
        ("7", {"$ref": "#/$defs/Size"}, 7),
        ("7", None, 7),
        ("true", None, True),
        ("[1]", None, [1]),
        ("007", None, "007"),
        ("hello", None, "hello"),
        ('"quoted"', None, '"quoted"'),
    ],
)
def test_texts_take_the_types_of_the_schema(text: str, schema: Any, value: Any) -> None:
    """Where a call writes bare text; without a schema it is what it looks like."""
    found = typed(text, schema, {"$defs": {"Size": {"type": "integer"}}})
    assert (found, type(found)) == (value, type(value))


def test_a_schema_that_refers_to_itself_ends() -> None:
    """References are followed a few steps only."""
    assert typed("x", {"$ref": "#/$defs/A"}, {"$defs": {"A": {"$ref": "#/$defs/A"}}}) == "x"


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("1. npm install\n2. npm test", ["npm install", "npm test"]),
        ("$ ls -la", ["ls -la"]),
        ("- Run `git status` to see.", ["git status"]),
        ("```bash\n# build\nmake all\n```", ["make all"]),
        ("```python\nmake = 1\n```", []),
        ("Make sure that git is there.", []),
        ("1. Think about it.", []),
    ],
)
def test_commands_are_guessed_only_when_asked(text: str, calls: list[str]) -> None:
    """Numbered lists and lines of commands, for the tool that takes one."""
    assert not extract(text, TOOLS).calls
    found = extract(text, TOOLS, loose=True)
    assert [one.arguments["command"] for one in found.calls] == calls
    assert found.content == text


def test_a_url_is_guessed_only_when_asked() -> None:
    """For the tool that takes one; and never beside a call that was written."""
    text = "Look at https://example.org/a?b=1."
    (call,) = extract(text, TOOLS, loose=True).calls
    assert (call.name, call.arguments) == ("fetch", {"url": "https://example.org/a?b=1"})
    written = f'{text}\n{{"name": "stop", "arguments": {{}}}}'
    assert [one.name for one in extract(written, TOOLS, loose=True).calls] == ["stop"]
    assert not extract(text, [], loose=True).calls
