"""Tokens for :7001: shown once when made, kept as hashes, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ops.errors import Exit, Failed, Refused
from ops.files import write_atomic

PREFIX = "org_"
SECRET_BYTES = 32
SECRET_CHARS_MAX = 200
TOKENS_MAX = 200
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
ACT_HOURS_DEFAULT = 12.0  # a token that may act passes through promoted code: it should not live on
HOURS_MAX = 24.0 * 366
MODE = 0o600


class Scope(StrEnum):
    READ = "read"
    CHAT = "chat"
    TOOLS = "tools"
    ACT = "act"


class Token(BaseModel):
    """`approves` names the one candidate that this token may approve, once."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    sha256: str
    scopes: tuple[Scope, ...]
    made: float  # unix seconds
    ends: float | None = None
    approves: str | None = None

    def view(self) -> dict[str, object]:
        """What may be shown: everything but the hash."""
        return self.model_dump(mode="json", exclude={"sha256"})


@dataclass(frozen=True)
class Wanted:
    """What a new token is asked to be; `hours` None is for good, where that may be."""

    name: str
    scopes: Sequence[str]
    hours: float | None = None
    approves: str | None = None


@dataclass(frozen=True)
class Tokens:
    """One file of the instance, which only its owner reads; `now` is unix seconds."""

    path: Path

    def all(self) -> list[Token]:
        """Raises Failed when the file was damaged: nobody is let in then."""
        try:
            rows = json.loads(self.path.read_bytes())
            return [Token.model_validate(row) for row in rows]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError, ValidationError) as error:
            text = f"{self.path} cannot be read"
            raise Failed(text, f"remove {self.path} and make new tokens") from error

    def _save(self, tokens: Sequence[Token]) -> None:
        rows = [token.model_dump(mode="json") for token in tokens]
        write_atomic(self.path, json.dumps(rows, indent=1).encode(), MODE)

    def add(self, wanted: Wanted, now: float) -> tuple[str, Token]:
        """The secret, which is shown this once, and its record. Raises Refused."""
        kept = [token for token in self.all() if token.ends is None or token.ends > now]
        if not NAME.fullmatch(wanted.name):
            raise Refused(f"{wanted.name!r} is no name for a token", "use a-z, 0-9, . _ -")
        if any(token.name == wanted.name for token in kept):
            raise Refused(f"there is a token {wanted.name!r} already", "remove it, or name another")
        if len(kept) >= TOKENS_MAX:
            raise Refused(f"there are {TOKENS_MAX} tokens already", "remove one")
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        token = Token(
            name=wanted.name,
            sha256=_hash(secret),
            scopes=_scopes(wanted),
            made=now,
            ends=_ends(wanted, now),
            approves=wanted.approves,
        )
        self._save([*kept, token])
        return secret, token

    def check(self, secret: object, now: float) -> Token | None:
        """The token that `secret` is. All are compared, so that time tells nothing."""
        if not isinstance(secret, str) or len(secret) > SECRET_CHARS_MAX:
            return None
        wanted, found = _hash(secret), None
        for token in self.all():
            if hmac.compare_digest(token.sha256, wanted):
                found = token
        return found if found and (found.ends is None or found.ends > now) else None

    def remove(self, name: str) -> Token:
        """Raises Refused when there is none."""
        tokens = self.all()
        found = next((token for token in tokens if token.name == name), None)
        if found is None:
            raise Refused(f"no token {name!r}", "see: orgctl token list", Exit.ABSENT)
        self._save([token for token in tokens if token.name != name])
        return found


def _hash(secret: str) -> str:
    """One round is enough: the secret has 256 random bits, so there is nothing to guess."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _scopes(wanted: Wanted) -> tuple[Scope, ...]:
    known = {str(scope) for scope in Scope}
    odd = [name for name in wanted.scopes if name not in known]
    if odd or not wanted.scopes:
        said = f"{odd[0]!r} is no scope" if odd else "a token needs a scope"
        raise Refused(said, f"scopes are: {', '.join(Scope)}", Exit.MISUSE)
    return tuple(scope for scope in Scope if scope in wanted.scopes)


def _ends(wanted: Wanted, now: float) -> float | None:
    hours = wanted.hours
    if hours is None:
        return now + ACT_HOURS_DEFAULT * 3600 if Scope.ACT in wanted.scopes else None
    if not 0 < hours <= HOURS_MAX:
        raise Refused(f"a token cannot live {hours:g} hours", f"at most {HOURS_MAX:g}", Exit.MISUSE)
    return now + hours * 3600
