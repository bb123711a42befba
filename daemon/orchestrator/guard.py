"""Who may come in: known host, own origin, a token where one is needed, no more than so often."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from daemon.orchestrator.bodies import Wrong
from daemon.orchestrator.terms import Terms
from daemon.orchestrator.tokens import TOKEN_CHARS_MAX, Caller, Rate, Tokens

COOKIE = "org_token"
COOKIE_SCOPES = frozenset({"read", "chat"})  # a cookie goes along unasked: it must not act
OURS = "org_"
FREE = ("/healthz", "/readyz", "/about", "/static/", "/login", "/favicon.ico")
IN_URL = frozenset({"token", "access_token", "api_key", "apikey", "key"})
FORWARDED = frozenset({"x-forwarded-for", "forwarded"})  # whoever asked is not who connected
HOST = re.compile(r"(?:\[([0-9a-f:.%]+)\]|([a-z0-9._-]+))(?::\d{1,5})?", re.IGNORECASE)


@dataclass
class Guard:
    """An ASGI application around the routes; what it refuses never reaches them."""

    app: ASGIApp
    terms: Terms
    tokens: Tokens

    def __post_init__(self) -> None:
        most = self.terms.requests_per_second_max
        self.requests = Rate(most, most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            headers = _headers(scope)
            self._check_origin(headers)
            scope["caller"] = await self._admit(scope, headers)
        except Wrong as wrong:
            answer = wrong.answer()
            if wrong.status == 401:
                answer.headers["www-authenticate"] = "Bearer"
                if _wants_page(headers, scope):
                    answer.status_code, answer.headers["location"] = 303, "/login"
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    # Where from

    def _check_origin(self, headers: Mapping[str, str]) -> None:
        host = headers.get("host", "")
        found = HOST.fullmatch(host)
        if found is None or not self._own(found[1] or found[2]):
            raise Wrong("this host is not one of ours; see web.hosts", "host_refused", 403)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Wrong("another site asked for this", "origin_refused", 403)
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if foreign and headers.get("sec-fetch-mode") != "navigate":
            raise Wrong("another site asked for this", "origin_refused", 403)

    def _own(self, name: str) -> bool:
        """An address cannot be rebound, a name can: only those that are ours."""
        name = name.lower()
        if name == "localhost" or name in self.terms.hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    # Who

    async def _admit(self, scope: Scope, headers: Mapping[str, str]) -> Caller:
        address = (scope.get("client") or ("", 0))[0]
        needed = needed_scope(scope["method"], scope["path"])
        caller = await self._caller(scope, headers, address)
        if not self.requests.take(caller.name):
            raise Wrong("too many requests; try again in a second", "rate_limit", 429)
        if needed is not None and needed not in caller.scopes:
            if caller.secret is not None:
                raise Wrong(f"this token lacks the scope {needed}", "token_refused", 403)
            text = f"this needs a token with the scope {needed}: orgctl token add"
            raise Wrong(text, "token_missing", 401)
        return caller

    async def _caller(self, scope: Scope, headers: Mapping[str, str], address: str) -> Caller:
        near = _near(address) and not FORWARDED & headers.keys()
        anyone = Caller(f"at {address}", self.terms.open if near else frozenset())
        if scope["query_string"] and _in_url(scope["query_string"]):
            raise Wrong("a token does not belong into a URL", "token_in_url", 401)
        secret, scopes = _shown(headers)
        if secret is None or scope["path"].startswith(FREE):
            return anyone  # nothing is asked there: a stale cookie must not bar the way to /login
        if not secret.startswith(OURS) or not self.tokens.facts.there:
            # Clients that must send some key send any word; it opens nothing that is not open.
            return anyone
        caller = await self.tokens.caller(secret, address)
        return Caller(caller.name, (caller.scopes & scopes) | anyone.scopes, secret)


def needed_scope(method: str, path: str) -> str | None:
    """The scope that a path asks for; what is not named needs `read`."""
    if path.startswith(FREE):
        return None
    if path.startswith("/v1/"):
        return "tools" if path.startswith("/v1/tools") else "chat"
    if path.startswith("/api/acts/"):
        return "act"
    if path.startswith("/act/"):
        return None if method == "POST" else "read"  # the form carries the token
    return "chat" if path == "/chat" and method == "POST" else "read"


def _headers(scope: Scope) -> dict[str, str]:
    """The few that count; one that stands twice counts as none of them."""
    wanted = {b"host", b"origin", b"authorization", b"cookie", b"accept"}
    wanted |= {b"sec-fetch-site", b"sec-fetch-mode", *(name.encode() for name in FORWARDED)}
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name in wanted:
            key = name.decode()
            if key in found and key in ("host", "origin", "authorization"):
                raise Wrong(f"the header {key} stands twice", "header_twice", 400)
            found[key] = value.decode("latin-1")
    return found


def _shown(headers: Mapping[str, str]) -> tuple[str | None, frozenset[str]]:
    """The secret, and the scopes that may come with the way it was shown."""
    kind, _, secret = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and secret.strip():
        return secret.strip()[:TOKEN_CHARS_MAX], COOKIE_SCOPES | {"tools", "act"}
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None, frozenset()
    return (morsel.value[:TOKEN_CHARS_MAX] if morsel else None), COOKIE_SCOPES


def _in_url(query: bytes) -> bool:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return any(name.lower() in IN_URL for name, _ in pairs)


def _near(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _wants_page(headers: Mapping[str, str], scope: Mapping[str, Any]) -> bool:
    api = scope["path"].startswith(("/v1/", "/api/", "/metrics"))
    return not api and "text/html" in headers.get("accept", "")
