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
TOKENS_MAX = 4_000  # beyond it only what is wholly equal counts, which is quick
LAYOUT = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, token.ENDMARKER, token.NEWLINE}
)
WORD = re.compile(r"\w+|[^\w\s]")
NAME = re.compile(r"[^\W\d]\w*")


def tokens_of(path: str, text: str) -> tuple[str, ...]:
    """The words of a text; of Python without comments and layout, indentation kept."""
    if path.endswith(".py"):
        try:
            return tuple(_python(text))
        except (tokenize.TokenError, SyntaxError):
            pass  # broken code is compared as words
    return tuple(WORD.findall(text))


def _python(text: str) -> Iterable[str]:
    for one in tokenize.generate_tokens(io.StringIO(text).readline):
        if one.type == token.INDENT:
            yield "\t>"
        elif one.type == token.DEDENT:
            yield "\t<"
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
    """Nearly the same tokens, and what differs are only names and texts.

    One changed operator, number or keyword may be the very mistake that was mended.
    """
    if tuple(one) == tuple(other):
        return True
    if max(len(one), len(other)) > TOKENS_MAX:
        return False
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    if matcher.quick_ratio() < LIKE or matcher.ratio() < LIKE:
        return False
    return all(
        what == "equal" or (j - i == n - m and _only_names((*one[i:j], *other[m:n])))
        for what, i, j, m, n in matcher.get_opcodes()
    )


def _only_names(words: Iterable[str]) -> bool:
    return all(
        (NAME.fullmatch(word) and not keyword.iskeyword(word)) or word[-1:] in "\"'"
        for word in words
    )
