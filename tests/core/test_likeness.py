"""Two changes are the same idea when layout, comments and names are all that tells them apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.likeness import alike, change_tokens, tokens_of, tree_hash

BASE = """def unique(words):
    found = []
    for word in words:
        if word not in found:
            found.append(word)
    return found
"""
LAID_OUT = """def unique( words ):
    found = []   # what was seen

    for word in words:

        if word not in found:
            found.append( word )
    return found
"""
MENDED = BASE.replace("found = []", "found, seen = [], set()").replace(
    "word not in found", "word not in seen"
)


def change(new: str, old: str = BASE) -> tuple[str, ...]:
    return change_tokens({"a.py": old}, {"a.py": new})


def test_layout_and_comments_do_not_count() -> None:
    assert tree_hash({"a.py": BASE}) == tree_hash({"a.py": LAID_OUT})
    assert change(LAID_OUT) == ("a.py",)


@pytest.mark.parametrize(
    "other",
    [MENDED, BASE.replace("    return found", "return found"), BASE.replace("[]", "[0]")],
    ids=["other code", "other indentation", "other number"],
)
def test_what_runs_differently_is_different(other: str) -> None:
    assert tree_hash({"a.py": BASE}) != tree_hash({"a.py": other})


def test_a_removed_file_is_not_an_empty_one() -> None:
    assert tree_hash({"a.py": None}) != tree_hash({"a.py": ""})


def test_another_name_is_the_same_idea() -> None:
    """A long change once more, with one thing named differently."""
    long = MENDED + "".join(f"\n\ndef f{n}(value):\n    return value + {n}\n" for n in range(20))
    assert alike(change(long), change(long.replace("def f7(", "def g7(")))


@pytest.mark.parametrize(("old", "new"), [("value + 7", "value - 7"), ("value + 7", "value + 8")])
def test_one_operator_or_number_may_be_the_mend(old: str, new: str) -> None:
    """However long the rest is."""
    long = MENDED + "".join(f"\n\ndef f{n}(value):\n    return value + {n}\n" for n in range(20))
    assert not alike(change(long), change(long.replace(old, new)))


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_compared(one: str, other: str) -> None:
    """Broken code, too; everything is like itself."""
    for path in ("a.py", "a.txt"):
        assert alike(tokens_of(path, one), tokens_of(path, one))
        alike(tokens_of(path, one), tokens_of(path, other))
        tree_hash({path: one})
