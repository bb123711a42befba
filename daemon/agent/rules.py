"""The rules for commands and files, read from a file; a refusal names its rule."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from posixpath import normpath
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from daemon.agent.shell import Command, parse
from daemon.agent.workspace import Outside
from ops.errors import Refused

OWN = Path(__file__).parent / "rules.toml"
RULES_MAX = 500


class Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    why: str


class CommandRule(Rule):
    """Matches when all that it says fits one command."""

    programs: tuple[str, ...] = ("*",)
    flags: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    redirects: tuple[str, ...] = ()
    piped_from: tuple[str, ...] = ()
    dynamic: bool = False
    bomb: bool = False
    unread: bool = False

    def fits(self, one: Command) -> bool:
        letters = one.letters
        return (
            not (self.bomb or self.unread)
            and (one.dynamic or not self.dynamic)
            and _any((one.program,), self.programs)
            and all(letters & set(flag.split("|")) for flag in self.flags)
            and (not self.first or _any(one.operands[:1], self.first))
            and (not self.arguments or _any(_spellings(one.arguments), self.arguments))
            and (not self.redirects or _any(_spellings(one.redirects), self.redirects))
            and (not self.piped_from or _any(one.piped_from, self.piped_from))
        )


class FileRule(Rule):
    """`paths` are patterns of a path in the workspace; `but` are exceptions."""

    paths: tuple[str, ...]
    but: tuple[str, ...] = ()
    access: Literal["any", "writes"] = "any"

    def fits(self, path: str, writes: bool) -> bool:
        path = path.removeprefix("./")
        barred = self.access == "any" or writes
        return barred and _any((path,), self.paths) and not _any((path,), self.but)


class Broken(Outside):
    """A rule was hit; the message names it."""

    def __init__(self, rule: Rule, what: str) -> None:
        super().__init__(f"{what} is refused by the rule {rule.name}: {rule.why}")
        self.rule = rule


class Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    commands: tuple[CommandRule, ...] = ()
    files: tuple[FileRule, ...] = ()

    def check_command(self, line: str) -> tuple[Command, ...]:
        """The commands of `line`. Raises Broken."""
        parsed = parse(line)
        for rule in self.commands:
            if rule.bomb and parsed.bombs:
                raise Broken(rule, f"{parsed.bombs[0]}()")
            if rule.unread and not parsed.whole:
                raise Broken(rule, "this command")
            for one in parsed.commands:
                if rule.fits(one):
                    raise Broken(rule, one.program)
        for one in parsed.commands:
            for word in (*one.arguments, *one.redirects):
                self.check_file(_value(word), writes=word in one.redirects)
        return parsed.commands

    def check_file(self, path: str, writes: bool) -> None:
        """Raises Broken."""
        for rule in self.files:
            if rule.fits(path, writes):
                raise Broken(rule, path)

    def with_more(self, text: str, origin: str) -> Rules:
        """A person's own rules beside these. Raises Refused."""
        more = _parsed(text, origin)
        made = Rules(commands=self.commands + more.commands, files=self.files + more.files)
        if len(made.commands) + len(made.files) > RULES_MAX:
            raise Refused(f"{origin} has more than {RULES_MAX} rules", "keep fewer")
        return made


def _value(word: str) -> str:
    """`--file=x` and `@x` name x."""
    return word.rpartition("=")[2].removeprefix("@") if word.startswith(("-", "@")) else word


def _spellings(words: Iterable[str]) -> Iterator[str]:
    """Each word as it stands, and as a path without what means nothing: `.//a/` is a."""
    for word in words:
        yield word
        if "/" in word:
            yield normpath(word).replace("//", "/")


def _any(values: Iterable[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(value, pattern) for value in values for pattern in patterns)


def _parsed(text: str, origin: str) -> Rules:
    try:
        return Rules.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{origin}: {error}", f"mend {origin}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused(f"{origin}: {where}: {first['msg']}", f"mend {origin}") from error


@cache
def shipped() -> Rules:
    return _parsed(OWN.read_text(encoding="utf-8"), OWN.name)
