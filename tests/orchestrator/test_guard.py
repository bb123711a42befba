"""Who comes in on :7001: tokens, hosts and origins (attacks W1 and W2)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import httpx
import pytest

from daemon.orchestrator.guard import needed_scope
from tests.orchestrator.house import CLOSED, House, bearer, code_of, house, served


@pytest.fixture(scope="module")
def here() -> Iterator[House]:
    with house() as made:
        yield made


@pytest.fixture(scope="module")
def closed(here: House) -> Iterator[str]:
    """A port where even callers on this machine need a token."""
    with served(here, CLOSED) as (_, url):
        yield url


@pytest.fixture(scope="module")
def open_(here: House) -> Iterator[str]:
    with served(here) as (_, url):
        yield url


def get(url: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False, timeout=20)


def test_without_a_token_nothing_is_told(closed: str) -> None:
    """401 and what to do, in OpenAI's shape; only health is open to all."""
    for path in ("/api/now", "/v1/models", "/v1/tools", "/metrics"):
        answer = get(closed + path)
        assert (answer.status_code, code_of(answer)) == (401, "token_missing")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert get(closed + "/healthz").status_code == 200


@pytest.mark.parametrize("secret", ["org_", "org_" + "x" * 43, "org_" + "y" * 5000])
def test_a_wrong_token_opens_nothing(closed: str, open_: str, secret: str) -> None:
    """Not even what is open without one: whoever shows a token means it."""
    assert get(closed + "/api/now", bearer(secret)).status_code == 401
    assert code_of(get(open_ + "/api/now", bearer(secret))) == "token_wrong"


def test_a_token_opens_what_it_is_for_and_no_more(here: House, closed: str) -> None:
    """Each scope for itself: 403 beyond it."""
    reads = bearer(here.token("reads", "read"))
    assert get(closed + "/api/now", reads).status_code == 200
    answer = get(closed + "/v1/models", reads)
    assert (answer.status_code, code_of(answer)) == (403, "token_refused")
    chats = bearer(here.token("chats", "chat"))
    assert get(closed + "/v1/models", chats).status_code == 503  # let in; there is no broker
    assert get(closed + "/api/now", chats).status_code == 403


def test_a_token_in_the_url_is_refused(here: House, closed: str, open_: str) -> None:
    """URLs end in logs and histories."""
    secret = here.token("in-url", "read")
    for name in ("token", "access_token", "api_key"):
        answer = get(f"{closed}/api/now?{name}={secret}")
        assert (answer.status_code, code_of(answer)) == (401, "token_in_url")
        assert get(f"{open_}/api/now?{name}={secret}").status_code == 401
        assert code_of(get(f"{open_}/api/now?{name}=")) == "token_in_url"  # a script lost its own


def test_an_ended_and_a_removed_token_open_nothing(here: House, closed: str) -> None:
    ended = here.token("ended", "read", hours=0.0000001)
    assert get(closed + "/api/now", bearer(ended)).status_code == 401


def test_a_stale_cookie_does_not_bar_the_way_to_login(here: House, closed: str) -> None:
    """Pages lead there, and there they end."""
    stale = {"cookie": f"org_token={here.token('stale', 'read', hours=0.0000001)}"}
    page = get(closed + "/", stale | {"accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    assert get(closed + "/login", stale).status_code == 200


def test_any_word_serves_as_a_key_where_none_is_needed(open_: str, closed: str) -> None:
    """Clients that insist on a key send one; it opens nothing that is not open."""
    assert get(open_ + "/api/now", bearer("ollama")).status_code == 200
    assert get(closed + "/api/now", bearer("ollama")).status_code == 401


def test_time_tells_nothing_of_a_token(here: House) -> None:
    """A guess that shares all but its last character takes as long as one that shares nothing."""
    secret = here.token("timed", "read")
    from daemon.supervisor.token_verbs import tokens_of

    tokens = tokens_of(here.world)

    def span(guess: str) -> float:
        taken = []
        for _ in range(400):
            began = time.perf_counter()
            assert tokens.check(guess, 0.0) is None
            taken.append(time.perf_counter() - began)
        return statistics.median(taken)

    near, far = secret[:-1] + "_", "x" * len(secret)
    spans = [(span(near), span(far)) for _ in range(5)]
    ratios = sorted(one / other for one, other in spans)
    assert 0.5 < ratios[2] < 2.0


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"host": "evil.example"}, "host_refused"),
        ({"host": "evil.example:7001"}, "host_refused"),
        ({"host": "127.0.0.1.evil.example"}, "host_refused"),
        ({"host": "localhost@evil.example"}, "host_refused"),
        ({"host": ""}, "host_refused"),
        ({"origin": "https://evil.example"}, "origin_refused"),
        ({"origin": "null"}, "origin_refused"),
        ({"origin": "http://127.0.0.1:1"}, "origin_refused"),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, "origin_refused"),
    ],
)
def test_another_site_gets_nothing(open_: str, headers: dict[str, str], code: str) -> None:
    """A name bound anew, a page elsewhere: 403, for reading and for chat alike."""
    for path in ("/", "/api/now", "/healthz"):
        answer = get(open_ + path, headers)
        assert (answer.status_code, code_of(answer)) == (403, code)
    answer = httpx.post(open_ + "/v1/chat/completions", headers=headers, content=b"{}")
    assert code_of(answer) == code


def test_own_names_are_welcome(here: House) -> None:
    """localhost, any address, and what the settings name."""
    with served(here, {"hosts": ["org.lan"]}) as (_, url):
        for host in ("localhost:7001", "127.0.0.1", "[::1]:7001", "192.168.56.10:7001", "org.lan"):
            assert get(url + "/healthz", {"host": host}).status_code == 200, host
        own = {"host": "localhost:7001", "origin": "http://localhost:7001"}
        assert get(url + "/api/now", own).status_code == 200


def test_every_answer_has_the_strict_headers(open_: str) -> None:
    """Also refusals: no frames, no foreign parts, no guessing of types."""
    for path in ("/", "/nothing", "/api/now", "/api/candidates?limit=x"):
        headers = get(open_ + path).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


def test_a_cookie_reads_and_chats_but_never_acts(here: House, closed: str) -> None:
    """It goes along unasked, so it must not change anything."""
    secret = here.token("cookie", "read", "act")
    cookie = {"cookie": f"org_token={secret}"}
    assert get(closed + "/api/now", cookie).status_code == 200
    answer = httpx.post(closed + "/api/acts/freeze", headers=cookie, json={}, trust_env=False)
    assert answer.status_code == 403
    assert not here.world.journal.fact("frozen")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/", "read"),
        ("GET", "/candidates", "read"),
        ("GET", "/api/now", "read"),
        ("GET", "/metrics", "read"),
        ("GET", "/anything/new", "read"),
        ("POST", "/v1/chat/completions", "chat"),
        ("POST", "/v1/embeddings", "chat"),
        ("POST", "/v1/tools/execute", "tools"),
        ("POST", "/api/acts/promote", "act"),
        ("GET", "/healthz", None),
    ],
)
def test_each_path_has_its_scope(method: str, path: str, scope: str | None) -> None:
    """What nobody thought of needs `read`."""
    assert needed_scope(method, path) == scope
