"""Pages of the web for agents: only places that were allowed by name, and none by default.

Each hop is checked anew and asked at the very address that was checked, so that neither a
redirect nor a name that changes its address leads into the host's own networks.
"""

from __future__ import annotations

import asyncio
import codecs
import ipaddress
import re
import socket
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from daemon.broker.faults import Fault
from daemon.broker.markup import readable

HOPS_MAX = 5
SECONDS_MAX = 30.0
CONNECT_SECONDS = 5.0
PAGE_BYTES_MAX = 2 * 2**20  # unpacked
URL_CHARS_MAX = 2_000
PORTS = {"http": 80, "https": 443}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
AGENT = "org-agent"
TEXTS = re.compile(r"text/|application/(?:json|xml|xhtml\+xml|javascript|toml|yaml)|\+(?:json|xml)")
CHARSETS = re.compile(r"ascii|utf-(?:8|16|32)|iso|cp\d|koi8|gb|big5|euc|shift_jis|mac-|tis-620")
# IPv6, and what ends in a decimal or hexadecimal number, as every resolver takes it; localhost.
LITERAL = re.compile(r":|(?:\A|\.)(?:\d+|0x[0-9a-f]*|localhost)\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """One hop: where a URL leads, and the address that was checked for it."""

    url: str
    scheme: str
    host: str
    port: int
    address: str


@dataclass(frozen=True)
class Web:
    """`allow` are hosts, `*.example.org`, or `host:port`; an address counts only by its number."""

    allow: tuple[str, ...] = ()

    async def fetch(self, url: str) -> dict[str, Any]:
        """Status, final URL and text. Raises Fault."""
        try:
            async with asyncio.timeout(SECONDS_MAX):
                return await self._fetch(url)
        except TimeoutError as error:
            raise Fault("web_timeout", f"{url} took more than {SECONDS_MAX:g} s", 504) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            cause = str(error) or type(error).__name__
            raise Fault("web_unreachable", f"{url} cannot be read: {cause}", 502) from error

    async def _fetch(self, url: str) -> dict[str, Any]:
        timeout = httpx.Timeout(SECONDS_MAX, connect=CONNECT_SECONDS)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
            for _ in range(HOPS_MAX):
                place = await self._checked(url)
                answer = await client.send(_request(client, place), stream=True)
                try:
                    target = answer.headers.get("location")
                    if answer.status_code in REDIRECTS and target:
                        url = urljoin(place.url, target)
                        continue
                    text = await _text(answer)
                    return {"status": answer.status_code, "url": place.url, "text": text}
                finally:
                    await answer.aclose()
        raise Fault("web_refused", f"more than {HOPS_MAX} redirects", 403)

    async def _checked(self, url: str) -> Place:
        """Raises Fault for anything that was not allowed."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise Fault("web_refused", f"{url[:100]} is no address", 403) from error
        if parts.scheme not in PORTS or not host or parts.username or len(url) > URL_CHARS_MAX:
            raise Fault("web_refused", f"{url[:100]} is no plain web address", 403)
        port = port or PORTS[parts.scheme]
        if not any(self._fits(one, host, port) for one in self.allow):
            allowed = ", ".join(self.allow) or "none, see the setting fetch.allow"
            raise Fault("web_refused", f"{host} is not allowed; allowed are: {allowed}", 403)
        return Place(url, parts.scheme, host, port, await self._address(host, port))

    def _fits(self, allowed: str, host: str, port: int) -> bool:
        """No pattern fits a number, in whatever form, or this machine's own name."""
        name, _, only = allowed.partition(":")
        alike = str.__eq__ if LITERAL.search(host) else fnmatchcase
        return alike(host.lower(), name.lower()) and (
            port == int(only) if only.isdigit() else port in PORTS.values()
        )

    async def _address(self, host: str, port: int) -> str:
        """A public one; another only when it was allowed by its number."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Fault("web_unreachable", f"{host} is not known", 502) from error
        for *_, where in found:
            address = str(where[0])
            if _is_number(host) or ipaddress.ip_address(address.partition("%")[0]).is_global:
                return address
        raise Fault("web_refused", f"{host} leads into a private network", 403)


def _is_number(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _request(client: httpx.AsyncClient, place: Place) -> httpx.Request:
    """To the address that was checked, in the name of the host."""
    parts = urlsplit(place.url)
    address = f"[{place.address}]" if ":" in place.address else place.address
    path = parts.path or "/"
    target = f"{place.scheme}://{address}:{place.port}{path}"
    named = place.host if place.port == PORTS[place.scheme] else f"{place.host}:{place.port}"
    return client.build_request(
        "GET",
        target + (f"?{parts.query}" if parts.query else ""),
        headers={"host": named, "user-agent": AGENT, "accept": "text/*, application/json"},
        extensions={"sni_hostname": place.host},
    )


async def _text(answer: httpx.Response) -> str:
    kind = answer.headers.get("content-type", "text/plain")
    if not TEXTS.search(kind):
        raise Fault("web_refused", f"it is {kind.partition(';')[0]}, not text", 403)
    held = bytearray()
    async for piece in answer.aiter_bytes():
        held += piece
        if len(held) >= PAGE_BYTES_MAX:
            break
    page = bytes(held[:PAGE_BYTES_MAX])
    try:
        charset = _charset(answer)
        return await asyncio.to_thread(_read, page, charset, "html" in kind)
    except (ValueError, LookupError, RecursionError) as error:
        raise Fault("web_rubbish", f"the page cannot be read: {error}", 502) from error


def _charset(answer: httpx.Response) -> str:
    """As the server says, among those that are read in one go: Python also has slow ones."""
    name = codecs.lookup(answer.encoding or "utf-8").name
    return name if CHARSETS.match(name) else "utf-8"


def _read(page: bytes, charset: str, is_html: bool) -> str:
    """In a thread, as two million bytes take a second in which model calls go on."""
    text = page.decode(charset, "replace")
    return readable(text) if is_html else text
