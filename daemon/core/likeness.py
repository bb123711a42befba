"""Whether two changes are the same idea: layout, comments and the names of things aside. Pure."""

from __future__ import annotations

import difflib
import hashlib
import io
import keyword
import re
import token
import tokenize
from collections.abc import Iterable, Mapping, Sequence

LIKE = 0.97  # of the tokens of two changes
LAYOUT = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, token.ENDMARKER})
TEXTS = frozenset(number for number, name in token.tok_name.items() if "STRING_MIDDLE" in name)
MAKES = ("def", "class")
NAME = re.compile(r"[^\W\d]\w*")


def tokens_of(path: str, text: str) -> tuple[str, ...]:
    """The words of Python without comments and layout, indentation and the ends of statements
    kept; of all else the lines with their ends.

    What is layout there nobody knows: in YAML and in a Makefile white space has a meaning.
    """
    if path.endswith(".py"):
        try:
            return tuple(_python(text))
        except (tokenize.TokenError, SyntaxError):
            pass  # broken code is compared by its lines
    return tuple(text.splitlines(keepends=True))


def _python(text: str) -> Iterable[str]:
    for one in tokenize.generate_tokens(io.StringIO(text).readline):
        if one.type == token.INDENT:
            yield "\t>"
        elif one.type == token.DEDENT:
            yield "\t<"
        elif one.type == token.NEWLINE:  # a statement ends here, and not with the next line
            yield "\n"
        elif one.type in TEXTS:
            yield f'"{one.string}'  # no name, whatever it holds
        elif one.type not in LAYOUT:
            yield one.string


def tree_hash(files: Mapping[str, str | None]) -> str:
    """Of changed files, None for a removed one; the same for trees that differ in layout alone."""
    digest = hashlib.sha256()
    for path, text in sorted(files.items()):
        words = () if text is None else tokens_of(path, text)
        digest.update(f"{path}\0{text is None}\0{len(words)}\0".encode())
        digest.update("\0".join(words).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def change_tokens(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> tuple[str, ...]:
    """The tokens that a change brings in and takes away, in order, file by file."""
    found: list[str] = []
    for path in sorted(new):
        before = tokens_of(path, old.get(path) or "")
        after = tokens_of(path, new[path] or "")
        found.append(path)
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        for what, i, j, m, n in matcher.get_opcodes():
            if what != "equal":
                found += ["-", *before[i:j], "+", *after[m:n]]
    return tuple(found)


def alike(one: Sequence[str], other: Sequence[str]) -> bool:
    """The same tokens, but for a few things that are called differently throughout.

    One changed text, operator, number or keyword may be the very mistake that was mended; so may
    a name that stands for another one elsewhere, or that the change does not bring in itself.
    """
    if len(one) != len(other):
        return False
    pairs = list(zip(one, other, strict=True))
    there, back = dict(pairs), {new: old for old, new in pairs}
    if any(there[old] != new or back[new] != old for old, new in pairs):
        return False
    renamed = [old for old, new in pairs if old != new]
    if len(renamed) > (1 - LIKE) * len(pairs):
        return False
    own = {name for name, before in zip(one[1:], one, strict=False) if before in MAKES}
    return all(
        _is_name(name) and _is_name(there[name]) and (name in own or renamed.count(name) > 1)
        for name in set(renamed)
    )


def _is_name(word: str) -> bool:
    return NAME.fullmatch(word) is not None and not keyword.iskeyword(word)
