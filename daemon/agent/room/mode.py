"""Chat modes: to everybody, to one member, or into a file; and the tags that name members."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ops.errors import Refused

FORMS = "a mode is group, direct:<member or model>, or file:<path>"
EVERYBODY = "all"
CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
TAG = re.compile(r"(?<![\w@./-])@(?P<name>\w[\w-]*)")


@dataclass(frozen=True)
class Mode:
    """Where what is said next goes; `target` is a member or model, or a path."""

    kind: Literal["group", "direct", "file"] = "group"
    target: str = ""

    @classmethod
    def parse(cls, text: str) -> Mode:
        """Raises Refused for what is no mode."""
        kind, _, target = text.strip().partition(":")
        if kind == "group" and not target:
            return cls()
        if kind == "direct" and target:
            return cls("direct", target)
        if kind == "file" and target:
            return cls("file", target)
        raise Refused(f"{text!r} is no chat mode", FORMS)

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}" if self.target else self.kind


def tagged(text: str, names: Sequence[str]) -> list[str]:
    """The members that `text` calls by @name, in their order, each once; code calls nobody."""
    found: list[str] = []
    for match in TAG.finditer(CODE.sub(" ", text)):
        name = match["name"].lower()
        called = names if name == EVERYBODY else [one for one in names if one.lower() == name]
        found += [one for one in called if one not in found]
    return found
