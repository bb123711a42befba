"""Which tokens are good, as the supervisor says; and that nobody asks for too much, or guesses."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass, field

from daemon.orchestrator.bodies import Wrong
from daemon.orchestrator.facts import Facts

TOKEN_CHARS_MAX = 200
KNOWN_SECONDS = 5.0  # how long a removed token may still be good
KNOWN_MAX = 1000
CHECKS_AT_ONCE = 4
FAILURES_A_MINUTE_MAX = 30
CALLERS_MAX = 10_000


@dataclass(frozen=True)
class Caller:
    """`secret` is passed on to the supervisor, which alone decides what it is good for."""

    name: str
    scopes: frozenset[str]
    secret: str | None = None


@dataclass
class Bucket:
    """Tokens of a bucket that fills up by itself."""

    level: float
    at: float


@dataclass
class Rate:
    """How often each caller may: `most` at once, then so many a second."""

    per_second: float
    most: float
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def left(self, who: str) -> bool:
        return self._filled(who).level >= 1.0

    def take(self, who: str) -> bool:
        """Whether there was one left."""
        bucket = self._filled(who)
        if bucket.level < 1.0:
            return False
        bucket.level -= 1.0
        return True

    def _filled(self, who: str) -> Bucket:
        now = time.monotonic()
        if who not in self.buckets and len(self.buckets) >= CALLERS_MAX:
            self.buckets.clear()
        bucket = self.buckets.setdefault(who, Bucket(self.most, now))
        bucket.level = min(self.most, bucket.level + (now - bucket.at) * self.per_second)
        bucket.at = now
        return bucket


def _failures() -> Rate:
    return Rate(FAILURES_A_MINUTE_MAX / 60, FAILURES_A_MINUTE_MAX)


@dataclass
class Tokens:
    """Asked of the supervisor every few seconds; those who ask for the same share its answer."""

    facts: Facts
    good: dict[str, tuple[float, Caller]] = field(default_factory=dict)
    asking: dict[str, asyncio.Task[Caller]] = field(default_factory=dict)
    failures: Rate = field(default_factory=_failures)
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CHECKS_AT_ONCE))

    async def caller(self, secret: str, address: str) -> Caller:
        """Raises Wrong when it is no token, or when too many that were none came from there."""
        secret = secret[:TOKEN_CHARS_MAX]
        digest = hashlib.sha256(secret.encode()).hexdigest()
        until, caller = self.good.get(digest, (0.0, None))
        if caller is not None and time.monotonic() < until:
            return caller
        task = self.asking.get(digest)
        if task is None:
            task = asyncio.create_task(self._asked(secret, digest, address))
            self.asking[digest] = task
            task.add_done_callback(lambda _: self.asking.pop(digest))
        return await asyncio.shield(task)  # one who leaves does not end it for the others

    async def _asked(self, secret: str, digest: str, address: str) -> Caller:
        async with self.places:
            # What was good before is no guess, whoever else guesses from the same address.
            if digest not in self.good and not self.failures.left(address):
                raise Wrong("too many tokens that are none", "rate_limit", 429)
            found = (await self.facts.ask("token", token=secret)).get("token")
            if not found:
                self.good.pop(digest, None)
                self.failures.take(address)
                raise Wrong("that is no token", "token_wrong", 401)
        caller = Caller(f"token {found['name']}", frozenset(found["scopes"]), secret)
        if len(self.good) >= KNOWN_MAX:
            self.good.clear()
        self.good[digest] = (time.monotonic() + KNOWN_SECONDS, caller)
        return caller
