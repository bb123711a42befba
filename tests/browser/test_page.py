"""The page in a real Chromium: live, by keyboard, accessible, and deaf to what is hostile."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import axe_core_python
import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from daemon.core.candidate import Stage
from daemon.core.events import Kind
from ops import teams
from tests.model_server import chunks, say
from tests.orchestrator.house import House, filled, house, long_history, served
from tests.orchestrator.scripted_broker import Answering, scripted_broker

pytestmark = pytest.mark.browser

SECONDS = 20.0
PAINT_MS_MAX = 1000.0
NAME = "20261121T101010Z"
HOSTILE = "<script>window.broken=1</script><img src=x onerror='window.broken=1'>"
VIEWS = ("/", "/candidates", f"/candidates/{NAME}", "/fitness", "/releases", "/chat", "/logs",
         "/act/rollback?to=release/0", "/login")  # fmt: skip
SEATS = [{"name": name, "model": "scripted", "persona": ""} for name in ("ann", "bea")]
SERIOUS = ("serious", "critical")


def play(broker: Answering) -> None:
    """One model, which answers with markup and calls a tool."""
    if not broker.asked:
        broker.head(200, "application/json")
        broker.piece(json.dumps({"object": "list", "data": [{"id": "scripted"}]}).encode())
        broker.piece(b"")
        return
    broker.head()
    for chunk in chunks(say(f"You said so. {HOSTILE}", look={"at": "it"})):
        broker.piece(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    broker.done()


@pytest.fixture(scope="module")
def here() -> Iterator[House]:
    with house() as made:
        filled(made, 30)
        made.release(1, "20261121T090000Z", completions=0.9)
        teams.create(made.world.layout, "pair", {"seats": SEATS, "lead": "bea"})
        made.candidate(NAME, goal=HOSTILE, reason=HOSTILE, state=Stage.JUDGED, passed=True)
        made.tell(Kind.AUTHOR_TURN, NAME, said={"text": HOSTILE})
        made.tell(Kind.GATE_ENDED, NAME, name=HOSTILE, passed=False, seconds=1.0, reason=HOSTILE)
        yield made


@pytest.fixture(scope="module")
def url(here: House) -> Iterator[str]:
    with scripted_broker(here.world.layout.run / "b", play) as broker:
        with served(here, ORG_BROKER=broker.path) as (_, address):
            yield address.replace("127.0.0.1", "localhost")


def until(holds: Callable[[], Any]) -> Any:
    """What is looked at may be replaced, or the page be left, at any moment."""
    deadline = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(StaleElementReferenceException):
            if found := holds():
                return found
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def text(chrome: Chrome, what: str = "main") -> str:
    return str(chrome.find_element(By.CSS_SELECTOR, what).text)


def at(chrome: Chrome) -> str:
    return urlsplit(chrome.current_url).path


@pytest.mark.parametrize("path", VIEWS)
def test_each_view_is_clean(chrome: Chrome, url: str, path: str) -> None:
    """No error in the console, nothing hostile ran, nothing but this host was asked."""
    chrome.get_log("browser")
    chrome.get(url + path)
    until(lambda: chrome.execute_script("return document.readyState") == "complete")
    time.sleep(0.2)
    errors = [one for one in chrome.get_log("browser") if one["level"] == "SEVERE"]
    assert errors == []
    assert chrome.execute_script("return window.broken") is None
    loaded = chrome.execute_script(
        "return performance.getEntriesByType('resource').map(one => new URL(one.name).host)"
    )
    assert set(loaded) <= {urlsplit(url).netloc}
    assert chrome.find_elements(By.CSS_SELECTOR, "main img") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", VIEWS)
def test_axe_finds_nothing_serious(chrome: Chrome, url: str, path: str, theme: str) -> None:
    """Names, roles, contrast, focus: in both themes."""
    scheme = [{"name": "prefers-color-scheme", "value": theme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    chrome.get(url + path)
    axe = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
    chrome.execute_script(axe)
    found = chrome.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    bad = [
        (one["id"], [node["html"][:120] for node in one["nodes"]][:3])
        for one in found["violations"]
        if one["impact"] in SERIOUS
    ]
    assert bad == []


def test_the_first_paint_comes_soon(chrome: Chrome, url: str) -> None:
    """On loopback, with everything it loads; the first visit pays for the templates."""
    chrome.get(url + "/")
    chrome.get(url + "/")
    told = "return performance.getEntriesByType('paint').map(one => one.startTime)"
    paints = until(lambda: chrome.execute_script(told))
    assert max(paints) < PAINT_MS_MAX


def test_a_promotion_is_watched_live(chrome: Chrome, here: House, url: str) -> None:
    """What happens is on the page without a reload, and what was opened stays open."""
    name = here.candidate("20261121T202020Z", goal="be quicker", state=Stage.BUILT).id
    chrome.get(url + "/")
    until(lambda: "live" in text(chrome, "#live"))
    chrome.execute_script("document.querySelector('main').untouched = '1'")
    for gate in ("paths", "tests"):
        here.tell(Kind.GATE_ENDED, name, name=gate, passed=True, seconds=2.0, reason="ok")
    until(lambda: "gate tests passed" in text(chrome))
    assert "be quicker" in text(chrome)
    here.tell(Kind.PROMOTION, name, id="p1", state="serving", release="release/7")
    until(lambda: "release/7 serving" in text(chrome))
    here.candidate(name, goal="be quicker", state=Stage.PROMOTED, release="release/7")
    here.tell(Kind.PROMOTION, name, id="p1", state="settled", release="release/7")
    until(lambda: "release/7 settled" in text(chrome))
    assert chrome.execute_script("return document.querySelector('main').untouched") == "1"


def test_measures_of_releases_grow_live(chrome: Chrome, here: House, url: str) -> None:
    """A release joins the picture and the table as it is promoted, with the band of its noise."""
    chrome.get(url + "/fitness")
    until(lambda: "live" in text(chrome, "#live"))
    assert "0.85 to 0.95" in text(chrome, "#measured")
    here.release(2, "20261121T093000Z", completions=1.3)
    until(lambda: "1.25 to 1.35" in text(chrome, "#measured"))
    bands = chrome.find_elements(By.CSS_SELECTOR, ".picture .band[height]")
    assert len(bands) == 2 and all(one.size["height"] > 2 for one in bands)


def test_the_keyboard_is_enough(chrome: Chrome, url: str) -> None:
    """Digits change the view, j walks the rows, / searches, ? tells the keys."""
    chrome.get(url + "/")
    body = chrome.find_element(By.TAG_NAME, "body")
    body.send_keys("2")
    until(lambda: at(chrome) == "/candidates")
    chrome.find_element(By.TAG_NAME, "body").send_keys("j")
    assert chrome.switch_to.active_element.get_attribute("href")
    chrome.find_element(By.TAG_NAME, "body").send_keys("/")
    assert chrome.switch_to.active_element.get_attribute("id") == "search"
    chrome.switch_to.active_element.send_keys("goal of", Keys.ENTER)
    until(lambda: "text=goal" in chrome.current_url)
    chrome.find_element(By.TAG_NAME, "body").send_keys("?")
    assert chrome.find_element(By.ID, "keys").is_displayed()


def test_chat_streams_and_shows_markup_as_text(chrome: Chrome, url: str) -> None:
    """The model's words are text, whatever they look like (attack W3)."""
    chrome.get(url + "/chat")
    box = chrome.find_element(By.CSS_SELECTOR, "#say textarea")
    box.send_keys(HOSTILE, Keys.ENTER)
    until(lambda: "[calls look]" in text(chrome, "#talk") and "onerror" in text(chrome, "#talk"))
    assert text(chrome, "#talk .user") == HOSTILE
    assert chrome.execute_script("return window.broken") is None
    assert chrome.find_elements(By.CSS_SELECTOR, "#talk img, #talk script") == []


def test_a_team_is_seen_at_work(chrome: Chrome, url: str) -> None:
    """What its members say stands before the lead's answer, as text, and is not said back."""
    chrome.get(url + "/chat")
    Select(chrome.find_element(By.NAME, "model")).select_by_visible_text("team/pair")
    chrome.find_element(By.CSS_SELECTOR, "#say textarea").send_keys("Why?", Keys.ENTER)
    until(lambda: "[calls look]" in text(chrome, "#talk"))
    aside = text(chrome, "#talk .assistant details pre")
    assert aside.startswith("ann: You said so.") and "onerror" in aside
    answer = text(chrome, "#talk .assistant").split(aside)[1]
    assert answer.strip().startswith("You said so.")
    assert chrome.find_elements(By.CSS_SELECTOR, "#talk img, #talk script") == []


def test_an_act_is_confirmed_with_a_token(chrome: Chrome, here: House, url: str) -> None:
    """The page says what will happen, takes the token, and tells that it is done."""
    chrome.get(url + "/releases")
    chrome.find_element(By.LINK_TEXT, "Freeze…").click()
    until(lambda: "No candidate is promoted" in text(chrome))
    chrome.find_element(By.NAME, "token").send_keys(here.token("clicked", "act"), Keys.ENTER)
    until(lambda: "Promotions are frozen." in text(chrome))
    assert here.do(lambda: here.world.journal.fact("frozen"))
    assert "clicked" not in chrome.page_source
    here.do(lambda: here.world.journal.set_fact("frozen", None))


def test_a_rebound_name_gets_nothing(chrome: Chrome, url: str) -> None:
    """A foreign name that leads here is refused before anything is told (attack W2)."""
    chrome.get(url.replace("localhost", "evil.example") + "/")
    assert "this host is not one of ours" in chrome.page_source
    assert "release/0" not in chrome.page_source


def test_another_site_can_neither_read_nor_act(chrome: Chrome, here: House, url: str) -> None:
    """From a page of another origin: fetch, form and frame are refused (attack W2)."""
    secret = here.token("stolen", "act")
    evil = url.replace("localhost", "evil.example") + "/healthz"
    chrome.get(evil)
    asked = "const done = arguments[2]; fetch(arguments[0], {method: arguments[1], mode: 'cors',"
    asked += " headers: {'content-type': 'text/plain'}, body: arguments[1] === 'POST' ? '{}' :"
    asked += " undefined}).then(one => done('read'), () => done('refused'))"
    assert chrome.execute_async_script(asked, url + "/api/now", "GET") == "refused"
    assert chrome.execute_async_script(asked, url + "/v1/chat/completions", "POST") == "refused"
    form = "const f = document.createElement('form'); f.method = 'post'; f.action = arguments[0];"
    form += "const i = document.createElement('input'); i.name = 'token'; i.value = arguments[1];"
    form += "f.append(i); document.body.append(f); f.submit()"
    chrome.execute_script(form, url + "/act/freeze", secret)
    until(lambda: "another site asked for this" in chrome.page_source or at(chrome) == "/healthz")
    assert here.do(lambda: here.world.journal.fact("frozen")) is None


def test_ten_thousand_candidates_stay_smooth(chrome: Chrome, here: House, url: str) -> None:
    """The archive opens and scrolls without a long pause."""
    long_history(here)
    began = time.monotonic()
    chrome.get(url + "/candidates")
    assert time.monotonic() - began < 5.0
    longest = chrome.execute_async_script(
        "const done = arguments[0]; let last = performance.now(), worst = 0, left = 60;"
        "const look = now => { worst = Math.max(worst, now - last); last = now;"
        "window.scrollBy(0, 120); left-- ? requestAnimationFrame(look) : done(worst) };"
        "requestAnimationFrame(look)"
    )
    assert longest < 500
    assert "10" in text(chrome, "h1")


@pytest.mark.parametrize("width", [360, 768])
def test_narrow_screens_show_it_all(chrome: Chrome, url: str, width: int) -> None:
    """Nothing sticks out sideways."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for path in VIEWS:
            chrome.get(url + path)
            wide = chrome.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, path
    finally:
        chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
