"""Some functions of a file, as a model answers with them, come to stand where they belong."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.agent.parts import keeps, merged, without

FILE = '''"""A file."""

import re

LIMIT = 3


def first(x):
    return x


@cached
def second(y):
    # as it was
    return y


class Box(Thing):
    """A box."""

    size = 1

    def open(self):
        return 1

    def close(self):
        return """two
lines"""


if __name__ == "__main__":
    first(1)
'''


@pytest.mark.parametrize(
    ("reply", "changes"),
    [
        pytest.param(
            "def first(x):\n    return 2\n",
            {"def first(x):\n    return x\n": "def first(x):\n    return 2\n"},
            id="a function",
        ),
        pytest.param(
            "@cached\n@again\ndef second(y):\n    return 2",
            {
                "@cached\n": "@cached\n@again\n",
                "    # as it was\n    return y\n": "    return 2\n",
            },
            id="with its decorators",
        ),
        pytest.param(
            "import re\nfrom os import sep\n\nLIMIT = 4\n",
            {"import re\n": "import re\nfrom os import sep\n", "LIMIT = 3": "LIMIT = 4"},
            id="a constant and an import",
        ),
        pytest.param(
            "class Box:\n    def open(self):\n        return 2\n\n    def lock(self):\n        1\n",
            {
                "        return 1\n": "        return 2\n",
                'lines"""\n': 'lines"""\n\n    def lock(self):\n        1\n',
            },
            id="some methods of a class",
        ),
        pytest.param(
            "def open(self):\n    return 2\n",
            {"        return 1\n": "        return 2\n"},
            id="a method alone",
        ),
        pytest.param(
            "MORE = 5\n\ndef third():\n    pass\n\nshown = third()\n",
            {
                "def first": "MORE = 5\n\n\ndef first",
                'lines"""\n': 'lines"""\n\n\ndef third():\n    pass\n',
            },
            id="new ones, and an example of their use",
        ),
    ],
)
def test_parts_are_put_in_their_places(reply: str, changes: dict[str, str]) -> None:
    """All else stays as it is, to the letter."""
    wanted = FILE
    for old, new in changes.items():
        assert wanted.count(old) == 1
        wanted = wanted.replace(old, new)
    assert merged(FILE, reply, in_parts=True) == wanted


@pytest.mark.parametrize("in_parts", [True, False])
def test_a_whole_file_and_what_is_no_python_stay_as_they_are(in_parts: bool) -> None:
    whole = FILE.replace("return x", "return 2").replace("def open", "def opens")
    assert merged(FILE, whole, in_parts) == whole
    assert merged(FILE, "def first(:", in_parts) == "def first(:"


def test_where_the_whole_is_asked_for_a_name_may_be_taken_out() -> None:
    """A file that begins as the old one is the whole one; a function alone is a part."""
    less = FILE.replace("def first(x):\n    return x\n", "")
    assert merged(FILE, less, in_parts=False) == less
    assert "def second" in merged(FILE, "def first(x):\n    return 2\n", in_parts=False)


@given(st.sets(st.sampled_from(["first", "second", "third", "Box"]), min_size=1))
def test_no_name_is_lost_whatever_comes(names: set[str]) -> None:
    """And what comes out is Python."""
    reply = "\n".join(f"def {name}():\n    return {name!r}\n" for name in sorted(names))
    found = {getattr(node, "name", "") for node in ast.parse(merged(FILE, reply, True)).body}
    assert found - {""} == {"first", "second", "Box"} | names


def test_lines_are_those_that_python_counts() -> None:
    """A form feed, or a separator in a text, ends none."""
    text = "S = 'a\u2028b\x0cc'\n\n\ndef one():\n    return 1\n\n\ndef two():\n    return 2\n"
    assert without(text, {"two"}) == text.split("\n\n\ndef two")[0] + "\n"
    new = "def two():\n    return 3\n"
    assert merged(text, new, True) == text.replace("return 2", "return 3")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("import re\n\n\ndef one():\n    return 1\n", "", id="imports"),
        pytest.param("X = 1\n\n\ndef one():\n    return 1\n", "X = 1\n", id="more"),
        pytest.param("def one(:\n", "def one(:\n", id="no Python"),
    ],
)
def test_what_is_left_without_a_function(text: str, left: str) -> None:
    assert without(text, {"one"}) == left


def test_what_is_kept_is_seen_in_what_is_no_python_yet() -> None:
    before = "class Box:\n    def inner(self): ...\n\n\nasync def run(): ...\n"
    assert keeps(before, "class Box(:\nasync def run(")
    assert not keeps(before, "class Box: ...\n")
