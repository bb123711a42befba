"""The page without scripts: each view is there, light, whole, and shows the hostile as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest

from daemon.core.candidate import Stage
from daemon.core.events import Kind
from daemon.core.project import Project, State, Task
from daemon.orchestrator import plans, views
from daemon.state import goals, projects
from daemon.state.journal import Journal
from daemon.state.settings import load
from tests.ops.conftest import commit_of
from tests.orchestrator.house import House, filled, house, long_history, served

VIEWS = ("/", "/candidates", "/fitness", "/releases", "/chat", "/logs?name=gates", "/login")
ACTS = ("promote", "approve", "reject", "rollback", "freeze", "unfreeze", "evolve")
PAGE_BYTES_MAX = 300_000
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'</title></script>{{7*7}}"
NAME = "20261121T101010Z"
SHOWING = ("/", "/candidates", f"/candidates/{NAME}", "/fitness", "/logs?name=gates")
ASKING = ("/candidates?text=", "/releases?done=", "/act/rollback?to=", "/logs?name=", "/act/")
TRICKS = ("../page.py", "..%2fpage.py", "%2e%2e/page.py", "org.css/../../page.py", "page.py")


class Parts(HTMLParser):
    """What a page is made of, as a browser would find it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def work_on(journal: Journal) -> None:
    """A goal that is blocked, with one of its two tasks done."""
    journal.save_goal(goals.make("g9", text=HOSTILE))
    tasks = (Task(text="begin", done=True), Task(text="end"))
    project = Project(goal="g9", state=State.BLOCKED, tasks=tasks, reason=HOSTILE)
    projects.save(journal, project)


@pytest.fixture(scope="module")
def here() -> Iterator[House]:
    with house() as made:
        filled(made, 9)
        made.candidate(NAME, goal=HOSTILE, reason=HOSTILE, state=Stage.REJECTED, model=HOSTILE)
        made.do(lambda: work_on(made.world.journal))
        made.tell(Kind.NOTICE, NAME, text=HOSTILE)
        made.tell(Kind.AUTHOR_TURN, NAME, said={"text": HOSTILE})
        made.tell(Kind.AUTHOR_CALL, NAME, said={"tool": HOSTILE, "arguments": {"x": HOSTILE}})
        made.tell(Kind.GATE_ENDED, NAME, name=HOSTILE, passed=False, seconds=1.0, reason=HOSTILE)
        yield made


@pytest.fixture(scope="module")
def http(here: House) -> Iterator[httpx.Client]:
    with served(here) as (_, url):
        with httpx.Client(
            base_url=url, trust_env=False, timeout=20, headers={"accept": "text/html"}
        ) as client:
            yield client


@pytest.mark.parametrize("path", [*VIEWS, f"/candidates/{NAME}", *(f"/act/{act}" for act in ACTS)])
def test_each_view_is_whole_without_scripts(http: httpx.Client, path: str) -> None:
    """Answered with a page that has a heading, names where one is, and loads nothing foreign."""
    answer = http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    found = Parts(answer.text).tags
    assert [tag for tag, _ in found].count("h1") == 1
    for tag, attributes in found:
        inline = [name for name in attributes if name == "style" or name.startswith("on")]
        assert not inline, (tag, attributes)
        for name in ("src", "href", "action"):
            address = attributes.get(name) or ""
            assert not re.match(r"[a-z]+:|//", address), address
        if tag == "script":
            assert attributes["src"], "an inline script"
    assert "<style" not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/candidates", f"/candidates/{NAME}", "/fitness", "/logs?name=gates"]
)
def test_what_is_hostile_is_shown_as_text(http: httpx.Client, path: str) -> None:
    """Stored markup of goals, names, transcripts, gates and logs (attack W3)."""
    text = http.get(path).text
    assert "&lt;script&gt;" in text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert not any("onerror" in attributes for _, attributes in Parts(text).tags)


def test_goals_are_shown_as_far_as_they_are(http: httpx.Client) -> None:
    text = http.get("/").text
    assert ">blocked</span>" in text and "1 of 2 tasks" in text


def test_what_is_asked_is_shown_as_text(http: httpx.Client) -> None:
    """Reflected markup of queries and paths."""
    for path in (
        "/candidates?text=",
        "/releases?done=",
        "/act/rollback?to=",
        "/logs?name=",
        "/act/",
    ):
        text = http.get(path + "%3Cscript%3Ealert(1)%3C/script%3E").text
        assert "<script>alert" not in text


def test_a_first_visit_weighs_little(http: httpx.Client) -> None:
    """A view with everything it loads."""
    for path in VIEWS:
        assert weight(http, path) < PAGE_BYTES_MAX, path


def weight(http: httpx.Client, path: str) -> int:
    page = http.get(path)
    assert page.status_code == 200
    loaded = [a for t, a in Parts(page.text).tags if t in ("script", "link")]
    wanted = {one.get("src") or one.get("href") or "" for one in loaded}
    assert len(wanted) >= 4
    return len(page.content) + sum(len(http.get(one).content) for one in wanted)


def test_a_long_history_weighs_no_more() -> None:
    """Ten thousand candidates and all that their gates said."""
    with house() as own, served(own) as (_, url):
        long_history(own)
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as http:
            for path in VIEWS:
                assert weight(http, path) < PAGE_BYTES_MAX, path


def test_releases_are_told_in_pages() -> None:
    """Each page says where the next begins, and the pictures of very many stay small."""
    rows = [
        {"kind": "promotion", "tag": f"release/{n}", "commit": str(n), "at": n, "goal": "g" * 300,
         "reason": "r" * 300, "restores": None, "candidate": "c", "state": "settled"}
        for n in range(500, 0, -1)
    ]  # fmt: skip
    told = {"releases": rows, "serving": "500"}
    first = views.releases(told, {"candidates": []}, {"at": 600})
    assert (len(first["rows"]), first["rows"][0]["tag"], first["more"]) == (
        views.RELEASES_MAX, "release/500", "release/401",
    )  # fmt: skip
    last = views.releases(told, {"candidates": []}, {"at": 600}, "release/101")
    assert (last["rows"][0]["tag"], len(last["rows"]), last["more"]) == ("release/100", 100, None)
    assert len(first["timeline"]) + len(first["lineage"]) < PAGE_BYTES_MAX / 2


def test_assets_are_these_and_no_others(http: httpx.Client) -> None:
    """No path leads out of the folder (attack W4)."""
    style = http.get("/static/org.css")
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    for trick in (
        "../page.py",
        "..%2fpage.py",
        "%2e%2e/page.py",
        "org.css/../../page.py",
        "page.py",
    ):
        assert http.get(f"/static/{trick}").status_code == 404


def test_an_act_is_said_before_it_is_done(here: House, http: httpx.Client) -> None:
    """The page tells what will happen; the form carries the token; a wrong one changes nothing."""
    text = http.get("/act/rollback?to=release/0").text
    assert "nothing is rewound" in text
    assert "orgctl rollback --to release/0" in text
    refused = http.post("/act/freeze", data={"token": "org_wrong"})
    assert refused.status_code == 401
    assert "that is no token" in refused.text
    assert here.world.journal.fact("frozen") is None
    done = http.post("/act/freeze", data={"token": here.token("page", "act")})
    assert (done.status_code, here.world.journal.fact("frozen") is not None) == (303, True)
    assert "Promotions are frozen." in http.get(done.headers["location"]).text
    assert (
        http.post("/act/unfreeze", data={"token": here.token("page-2", "act")}).status_code == 303
    )


@pytest.mark.parametrize(
    ("act", "carried", "command"),
    [
        ("rollback", {}, "orgctl rollback"),
        ("rollback", {"to": "release/3"}, "orgctl rollback --to release/3"),
        ("reject", {}, "orgctl candidates"),
        ("approve", {"candidate": NAME}, f"orgctl approve {NAME}"),
        ("evolve", {"goal": "be quick; reboot"}, "orgctl evolve --goal 'be quick; reboot'"),
        ("freeze", {"to": "release/3"}, "orgctl freeze"),
    ],
)
def test_an_act_names_a_command_that_can_be_run(
    act: str, carried: dict[str, str], command: str
) -> None:
    slot = {"tag": None, "port": 1}
    found = plans.plan(act, carried, {"slots": {"current": slot, "candidate": slot}})
    assert found and found.command == command


def test_a_link_cannot_put_words_into_the_page(http: httpx.Client) -> None:
    """Only what was done is said, in org's own words."""
    for query in ("said=Your+token+has+expired", "done=Your+token+has+expired"):
        assert "expired" not in http.get(f"/releases?{query}").text
    assert "Rolled back." in http.get("/releases?done=rollback").text


def test_a_foreign_page_cannot_send_the_form(here: House, http: httpx.Client) -> None:
    """Not even with a token that may act."""
    headers = {"origin": "https://evil.example"}
    secret = here.token("crossed", "act")
    assert http.post("/act/freeze", data={"token": secret}, headers=headers).status_code == 403
    assert here.world.journal.fact("frozen") is None


def test_where_reading_needs_a_token_the_page_asks_for_one(here: House) -> None:
    """A cookie that scripts cannot read and that no other site sends."""
    with served(here, {"open": []}) as (_, url):
        with httpx.Client(base_url=url, trust_env=False, headers={"accept": "text/html"}) as http:
            away = http.get("/")
            assert (away.status_code, away.headers["location"]) == (303, "/login")
            assert http.post("/login", data={"token": "org_wrong"}).status_code == 401
            come = http.post("/login", data={"token": here.token("visitor", "read")})
            cookie = come.headers["set-cookie"].lower()
            assert "httponly" in cookie
            assert "samesite=strict" in cookie
            assert http.get("/").status_code == 200


def test_ten_thousand_candidates_are_a_page_like_any_other(here: House) -> None:
    """The archive is told in pages, the picture of all is a few paths."""
    ends = ("promoted", "rejected")
    states = [{"id": str(n), "state": ends[n % 2], "tokens": 1} for n in range(10_000)]
    shown = views.archive({"candidates": [], "counts": {}}, states)["strip"]
    assert shown.count("<path") == 2
    assert len(shown) < 140_000


def test_every_cycle_and_the_days_budget_are_shown() -> None:
    """Of two that are under way the other one too; what is not known is no zero."""
    with house() as own:
        limit = {"budget": {"day_tokens": 5000, "day_money": 2.5}}
        own.world.settings = load(own.world.layout.home, limit)
        for name in ("20261121T161616Z", "20261121T171717Z"):
            own.candidate(name, state=Stage.DRAFTING, created=int(own.world.clock()))
        own.candidate("20261121T181818Z", state=Stage.PROMOTED, tokens=1200, model="m",
                      created=int(own.world.clock()))  # fmt: skip
        with served(own) as (_, url):
            text = httpx.get(url, headers={"accept": "text/html"}, trust_env=False).text
            fitness = httpx.get(f"{url}/fitness", trust_env=False).text
    assert "Also under way" in text and "20261121T161616Z" in text
    assert "1 200 of 5 000 tokens · money unknown of 2.50" in text
    assert "money per improvement</dt><dd>unknown" in fitness


def test_releases_are_compared_with_the_one_before() -> None:
    """By measure, with the noise; one that was never measured is left out, and none says so."""
    with house() as own, served(own) as (_, url):
        with httpx.Client(base_url=url, trust_env=False) as http:
            for path in ("/fitness", "/candidates"):
                text = http.get(path).text
                assert "Nothing was tried yet" in text and "<figure" not in text
            own.release(1, "20261121T010000Z")
            assert "No release was measured" in http.get("/fitness").text
            own.release(2, "20261121T020000Z", page=0.8, stream=1.2)
            own.release(3, "20261121T030000Z", page=1.02)
            told = http.get("/api/measures").json()["measures"]
            text = http.get("/fitness").text
    assert [(one["release"], one["name"], one["ratio"]) for one in told] == [
        ("release/2", "page", 0.8), ("release/2", "stream", 1.2), ("release/3", "page", 1.02),
    ]  # fmt: skip
    assert (told[0]["candidate"], told[0]["at"]) == ("20261121T020000Z", 1_795_000_002)
    rows = text.split('id="measured"')[1].split("</table>")[0].split("<tr>")[2:]
    assert [row.split("</th>")[0].split(">")[-1] for row in rows] == ["release/3", "release/2"]
    assert '<span class="dim">1.02</span> <small class="dim">0.97 to 1.07' in rows[0]
    assert '<td class="number">–</td>' in rows[0]
    assert '<span class="good">0.80</span>' in rows[1] and '<span class="bad">1.20' in rows[1]
    assert "release/2: 0.80 times the one before (0.75 to 0.85)" in text


def test_the_page_says_when_a_difference_is_not_whole(here: House, http: httpx.Client) -> None:
    files = {"long.py": b"x\n" * 4000, "evil.py": b"evil()\n"}
    head = commit_of(here.world.history, files, [here.world.main()])
    here.candidate("20261121T151515Z", head=head, state=Stage.JUDGED)
    text = http.get("/candidates/20261121T151515Z").text
    assert "This is not all of it" in text and "evil()" in text
