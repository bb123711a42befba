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


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("s = a\n+ b\n", "s = a + b\n"),
        ("def f():\n    return\n    x\n", "def f():\n    return x\n"),
        ("f\n(x)\n", "f(x)\n"),
        ("x = 1\n-2\n", "x = 1 -2\n"),
        ("f = lambda: 1\n[0]\n", "f = lambda: 1[0]\n"),
        ("'a'\n'b'\n", "'a' 'b'\n"),
    ],
)
def test_where_a_statement_ends_is_no_layout(old: str, new: str) -> None:
    """Also as a change: two that differ in it are not one idea."""
    assert tree_hash({"a.py": old}) != tree_hash({"a.py": new})
    assert change(new, old) != ("a.py",)
    assert not alike(change(old, BASE), change(new, BASE))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s = (a\n+ b)\n", "s = (a + b)\n"),
        ("s = a \\\n + b\n", "s = a + b\n"),
        ("x = 1", "x = 1  # one\n\n\n"),
        ("x = 1\r\ny = 2\r\n", "x = 1\ny = 2\n"),
        ("def f():\n  x\n  # end", "\ndef f():\n    x\n"),
    ],
)
def test_where_a_line_ends_inside_of_a_statement_is_layout(one: str, other: str) -> None:
    assert tree_hash({"a.py": one}) == tree_hash({"a.py": other})


def test_a_removed_file_is_not_an_empty_one() -> None:
    assert tree_hash({"a.py": None}) != tree_hash({"a.py": ""})


LONG = MENDED + "".join(
    f"\n\ndef f{n}(value):\n    half{n} = value + {n}\n    return half{n} + far['{n}']\n"
    for n in range(20)
)


@pytest.mark.parametrize(("old", "new"), [("def f7(", "def g7("), ("half7", "part7")])
def test_another_name_is_the_same_idea(old: str, new: str) -> None:
    """A long change once more, with one thing of its own named differently."""
    assert old in LONG
    assert alike(change(LONG), change(LONG.replace(old, new)))
    assert alike(change(LONG.replace(old, new)), change(LONG))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("value + 7", "value - 7"),
        ("value + 7", "value + 8"),
        ("far['7']", "far['seven']"),
        ("half7 = value", "half7 = values"),
        ("return half7", "return haf7"),
        ("return half7", "return half6"),
        ("half7", "half6"),
        ("half7 + far", "half7 + fare"),
    ],
)
def test_one_operator_number_text_or_name_may_be_the_mend(old: str, new: str) -> None:
    """However long the rest is; a name may be a mistake where it is not its own everywhere."""
    assert old in LONG
    assert not alike(change(LONG), change(LONG.replace(old, new)))
    assert not alike(change(LONG.replace(old, new)), change(LONG))


def test_a_name_from_elsewhere_may_be_the_mend() -> None:
    """What the change only uses, once, is no name of its own."""
    wrong = LONG + "\n\ncount(lenght(found))\n"
    assert not alike(change(wrong), change(wrong.replace("lenght", "length")))


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("a.yml", "a:\n  b: 1\nc: 2\n", "a:\n  b: 1\n  c: 2\n"),
        ("Makefile", "all:\n    echo hi\n", "all:\n\techo hi\n"),
        ("a.js", "x = 'a b'\n", "x = 'a  b'\n"),
        ("run.sh", "#!/bin/sh\r\necho hi\r\n", "#!/bin/sh\necho hi\n"),
        ("a.txt", "no end", "no end\n"),
        ("a.py", "def f(:\r\n", "def f(:\n"),
    ],
)
def test_white_space_counts_where_its_meaning_is_not_known(path: str, old: str, new: str) -> None:
    assert tree_hash({path: old}) != tree_hash({path: new})
    assert change_tokens({path: old}, {path: new}) != (path,)


@given(st.text(max_size=200))
def test_of_a_text_that_is_no_python_nothing_is_lost(text: str) -> None:
    assert "".join(tokens_of("a.txt", text)) == text


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_can_be_compared(one: str, other: str) -> None:
    """Broken code, too; everything is like itself."""
    for path in ("a.py", "a.txt"):
        assert alike(tokens_of(path, one), tokens_of(path, one))
        alike(tokens_of(path, one), tokens_of(path, other))
        tree_hash({path: one})
