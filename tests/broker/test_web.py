"""Pages of the web: only allowed ones, each hop checked, nothing endless, nothing of ours (W7)."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.agent.tools import TOOLS
from daemon.agent.workspace import Workspace
from daemon.broker import web
from daemon.broker.markup import readable
from daemon.broker.web import PAGE_BYTES_MAX
from tests.broker.running import running_broker
from tests.serving import Handler, serving

pytestmark = pytest.mark.process

PAGE = (
    "<html><head><title>t</title><style>p{}</style></head>"
    "<p>One &amp; two</p><script>x()</script><ul><li>three</ul>"
)
HOSTILE = (
    "<a ", "<", "</", "<!--", "<!", "<![foo[ x ]]>", "&", "&#", "&#1", "&amp", "<script",
    "<script>", "</script", "<svg><template>", "<a b='", "<a b=\"'", "<a =", "= ", "<p>",
    "<title></title>",
)  # fmt: skip
FETCH = next(tool for tool in TOOLS if tool.name == "webfetch")


class _Pages(Handler):
    def do_GET(self) -> None:
        port = self.server.server_address[1]
        if self.path == "/away":
            self.send(302, b"", location="http://127.0.0.2:1/secret")
        elif self.path == "/round":
            self.send(302, b"", location=f"http://127.0.0.1:{port}/round")
        elif self.path == "/near":
            self.send(302, b"", location="/page")
        elif self.path == "/bomb":
            bomb = gzip.compress(b"x" * (PAGE_BYTES_MAX * 8))
            self.send(200, bomb, "text/plain", content_encoding="gzip")
        elif self.path == "/image":
            self.send(200, b"\x89PNG", "image/png")
        elif self.path.startswith("/charset/"):
            charset = self.path.removeprefix("/charset/")
            self.send(200, "<p>é<![foo[ x ]]>".encode(), f"text/html; charset{charset}")
        elif self.path == "/host":
            self.send(200, str(self.headers["host"]).encode(), "text/plain")
        else:
            self.send(200, PAGE.encode(), "text/html; charset=utf-8")


@contextmanager
def pages() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    with serving(server):
        yield int(server.server_address[1])


@contextmanager
def fetching(home: Path, *allow: str) -> Iterator[Any]:
    """The tool, through a broker that allows these."""
    listed = ", ".join(f'"{one}"' for one in allow)
    with running_broker(home, f"[fetch]\nallow = [{listed}]\n") as broker:
        path = broker.do("open", cell="c", directory=str(home))["ok"]["socket"]
        workspace = Workspace(home, broker=path)
        yield lambda url: FETCH.call({"url": url}, workspace)


def test_nothing_is_allowed_by_default(tmp_path: Path) -> None:
    with pages() as port, fetching(tmp_path) as fetch:
        said = fetch(f"http://127.0.0.1:{port}/page")
        assert (said.ok, "fetch.allow" in said.text) == (False, True)
        assert not FETCH.call({"url": "http://x.org/"}, Workspace(tmp_path)).ok


def test_an_allowed_page_is_read_as_text(tmp_path: Path) -> None:
    """Words without scripts; hops that stay where it is allowed are followed."""
    with pages() as port, fetching(tmp_path, f"127.0.0.1:{port}") as fetch:
        for path in ("page", "near"):
            said = fetch(f"http://127.0.0.1:{port}/{path}")
            assert said.text == f"[200 http://127.0.0.1:{port}/page]\nOne & two\nthree"
        assert f"127.0.0.1:{port}" in fetch(f"http://127.0.0.1:{port}/host").text


def test_what_is_not_allowed_is_not_reached(tmp_path: Path) -> None:
    """Other hosts and ports, redirects to them, names of our own networks, other schemes."""
    with pages() as port, fetching(tmp_path, f"127.0.0.1:{port}", "localhost", "*.local") as fetch:
        for url in (
            f"http://127.0.0.1:{port}/away",
            f"http://127.0.0.1:{port}/round",
            f"http://127.0.0.2:{port}/page",
            "http://127.0.0.1:1/",
            f"http://localhost:{port}/page",
            "http://localhost/",
            f"http://user:pass@127.0.0.1:{port}/page",
            "file:///etc/passwd",
            "http://169.254.169.254/latest/meta-data/",
            "http://[::1]/",
            "gopher://127.0.0.1/",
            "http://" + "a" * 1900,
        ):
            said = fetch(url)
            assert (said.ok, said.text.startswith("error: ")) == (False, True), url


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.0x1", "localhost"])
def test_a_number_fits_no_pattern(tmp_path: Path, host: str) -> None:
    """A host that is a number, in any form, is allowed only when it is spelled out."""
    with pages() as port:
        wide = [f"{one}:{port}" for one in ("*", "*.1", "127.*", "?ocalhost", "[0-9]*")]
        with fetching(tmp_path, *wide) as fetch:
            said = fetch(f"http://{host}:{port}/page")
    assert (said.ok, f"{host} is not allowed" in said.text) == (False, True), said.text


def test_what_is_endless_or_no_text_is_cut_or_refused(tmp_path: Path) -> None:
    """A small answer that unpacks to a large one is read up to the limit."""
    with pages() as port, fetching(tmp_path, f"127.0.0.1:{port}") as fetch:
        assert "characters left out" in fetch(f"http://127.0.0.1:{port}/bomb").text
        assert "not text" in fetch(f"http://127.0.0.1:{port}/image").text


def test_words_are_taken_out_of_a_page() -> None:
    assert readable("<p>a<br>b</p><div> c  d </div><noscript>x</noscript>") == "a\nb\nc d"
    assert readable("<p>unclosed <b>tags") == "unclosed tags"
    assert readable('<a title="a > b">x</a> &lt;&#65;&eacute; 1 < 2') == "x <Aé 1 < 2"
    assert readable("a<!-- > -->b<!-->c<SCRIPT>1</scripts></SCRIPT >d<title/>e") == "abcde"


def test_a_head_without_an_end_hides_nothing() -> None:
    """HTML5 lets a page leave it out."""
    assert readable("<head><title>t</title><body><p>hello") == "hello"


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_page_is_slow_to_read(unit: str) -> None:
    """As much as is ever read of one: what grew with its square would take hours here."""
    readable(unit * (PAGE_BYTES_MAX // len(unit)))
    readable("<a b=" + unit * (PAGE_BYTES_MAX // len(unit)))


@given(st.lists(st.sampled_from([*HOSTILE, "</svg>", "-->", "'", '"', ">", "x", "\n", "1" * 5000])))
def test_every_page_has_words_or_none(parts: list[str]) -> None:
    """Nothing makes it fail, and there are never more words than there is page."""
    page = "".join(parts)
    assert len(readable(page)) <= len(page)


def test_others_are_heard_while_a_page_is_read() -> None:
    """Reading one takes a second at most, and the broker's loop goes on meanwhile."""
    page = b"<p>" * (PAGE_BYTES_MAX // 3)
    answer = httpx.Response(200, headers={"content-type": "text/html"}, content=page)

    async def turns_of_others() -> int:
        reading, turns = asyncio.create_task(web._text(answer)), 0
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert asyncio.run(turns_of_others()) > 20


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("=utf-8", "é"),
        ("=iso-8859-1", "Ã©"),
        ("=base64", "é"),
        ("=punycode", "é"),
        ("*=''%00", "the page cannot be read"),
    ],
)
def test_a_strange_charset_is_no_fault_of_ours(tmp_path: Path, charset: str, text: str) -> None:
    """One that is none for text is not used; one that makes no sense is told."""
    with pages() as port, fetching(tmp_path, f"127.0.0.1:{port}") as fetch:
        said = fetch(f"http://127.0.0.1:{port}/charset/{charset}")
    assert text in said.text, said
