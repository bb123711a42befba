"""How often one may come in on :7001, and how often guess a token (attack W1)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from daemon.orchestrator.bodies import Wrong
from daemon.orchestrator.facts import Facts
from daemon.orchestrator.tokens import (
    CHECKS_AT_ONCE,
    FAILURES_A_MINUTE_MAX,
    Caller,
    Tokens,
)
from tests.orchestrator.house import CLOSED, House, bearer, code_of, house, served


def test_guessing_is_slowed_down(here: House) -> None:
    """After so many wrong ones the next is not even looked at."""
    with served(here, CLOSED) as (_, url):
        with httpx.Client(trust_env=False) as client:
            codes = [
                client.get(url + "/api/now", headers=bearer(f"org_{number}")).status_code
                for number in range(40)
            ]
    assert codes[:20] == [401] * 20
    assert codes[-1] == 429


@pytest.mark.parametrize("path", ["/act/freeze", "/login"])
def test_guessing_in_a_form_locks_out_nobody(path: str) -> None:
    """It is slowed down like any other; who was let in before still is, and may act."""
    with house() as own, served(own, CLOSED) as (_, url):
        reads, acts = (own.token(word, word) for word in ("read", "act"))
        with httpx.Client(base_url=url, trust_env=False) as client:
            assert client.get("/api/now", headers=bearer(reads)).status_code == 200
            act = {"url": "/api/acts/unfreeze", "json": {}, "headers": bearer(acts)}
            assert client.post(**act).status_code == 200
            guesses = [client.post(path, data={"token": f"org_{n}"}) for n in range(70)]
            codes = [one.status_code for one in guesses]
            assert client.get("/api/now", headers=bearer(reads)).status_code == 200
            assert client.post(**act).status_code == 200
    assert codes[:30] == [401] * 30
    assert codes[-1] == 429


class Slow(Facts):
    """A supervisor that takes its time over a token."""

    def __init__(self, *good: str) -> None:
        super().__init__("nowhere")
        self.good, self.checks = good, 0

    async def ask(
        self, verb: str, args: object = None, token: str | None = None, seconds: float = 0.0
    ) -> dict[str, Any]:
        self.checks += 1
        await asyncio.sleep(0.01)
        known = {"name": token, "scopes": ["read"]}
        return {"token": known if token in self.good else None}


def told(tokens: Tokens, secrets: list[str]) -> Counter[int]:
    """How often which status, for all of these at once."""

    async def run() -> list[Caller | BaseException]:
        asking = [tokens.caller(secret, "127.0.0.1") for secret in secrets]
        return await asyncio.gather(*asking, return_exceptions=True)

    found = asyncio.run(run())
    return Counter(one.status if isinstance(one, Wrong) else 200 for one in found)


def test_those_who_show_the_same_token_share_one_check() -> None:
    facts = Slow("org_good")
    assert told(Tokens(facts), ["org_good"] * 64) == {200: 64}
    assert facts.checks == 1


def test_only_a_no_counts_as_a_guess() -> None:
    """Many good ones at once are all let in; of wrong ones few are even looked at."""
    facts = Slow(*(f"org_{number}" for number in range(64)))
    assert told(Tokens(facts), list(facts.good)) == {200: 64}
    facts.checks = 0
    codes = told(Tokens(facts), [f"org_wrong_{number}" for number in range(64)])
    assert set(codes) == {401, 429}
    assert facts.checks < FAILURES_A_MINUTE_MAX + CHECKS_AT_ONCE


def test_a_token_that_was_good_is_looked_at_also_after_many_guesses() -> None:
    """It is asked for anew, and a no is heard."""
    facts = Slow("org_good")
    tokens = Tokens(facts)
    told(tokens, ["org_good", *(f"org_{number}" for number in range(64))])
    ((digest, (_, caller)),) = tokens.good.items()
    tokens.good[digest] = (0.0, caller)
    assert told(tokens, ["org_good"]) == {200: 1}
    tokens.good[digest] = (0.0, caller)
    facts.good = ()
    assert told(tokens, ["org_good"]) == {401: 1}
    assert told(tokens, ["org_good"]) == {429: 1}


def test_the_doors_own_limit_is_a_429() -> None:
    """More checks in a second than it grants to all together."""

    async def run(door: str) -> list[object]:
        facts = Facts(door)
        asking = (facts.ask("token", token=f"org_{number}") for number in range(60))
        return list(await asyncio.gather(*asking, return_exceptions=True))

    with house() as own:
        refused = [one for one in asyncio.run(run(own.socket)) if isinstance(one, Wrong)]
    assert refused
    assert {(one.status, one.code) for one in refused} == {(429, "rate_limit")}


def test_a_caller_is_held_to_its_rate(here: House) -> None:
    with served(here, {"requests_per_second_max": 5.0}) as (_, url):
        with httpx.Client(trust_env=False) as client:
            codes = [client.get(url + "/healthz").status_code for _ in range(30)]
    assert codes[0] == 200
    assert 429 in codes


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
def test_whoever_was_forwarded_is_not_near(here: House, header: str) -> None:
    """A proxy on this machine opens nothing to the world; and nobody gets a rate by a name."""
    with served(here, {"requests_per_second_max": 5.0}) as (_, url):
        with httpx.Client(trust_env=False) as client:
            answer = client.get(url + "/api/now", headers={header: "127.0.0.1"})
            assert (answer.status_code, code_of(answer)) == (401, "token_missing")
            asked = [{header: f"192.0.2.{number}"} for number in range(30)]
            codes = [client.get(url + "/healthz", headers=one).status_code for one in asked]
    assert 429 in codes
