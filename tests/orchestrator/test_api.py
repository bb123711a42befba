"""`/api/…`: what is told, events taken up again, and acts that need a person's token."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from daemon.core.candidate import Stage
from daemon.core.events import Kind
from daemon.orchestrator.facts import Facts
from daemon.orchestrator.hub import BACKLOG_MAX, Filter, Hub
from tests.orchestrator.house import ROOT, House, filled, house, served


@pytest.fixture(scope="module")
def here() -> Iterator[House]:
    with house() as made:
        filled(made)
        yield made


@pytest.fixture(scope="module")
def http(here: House) -> Iterator[httpx.Client]:
    with served(here) as (_, url):
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
            yield client


@contextmanager
def following(
    http: httpx.Client, asked: dict[str, Any] | None = None, **headers: str
) -> Iterator[Iterator[dict[str, Any]]]:
    """Events as they come, each with the id it was sent under."""
    headers = {"accept": "text/event-stream", **headers}
    with http.stream("GET", "/api/events", params=asked, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == "retry: 1000"

        def events() -> Iterator[dict[str, Any]]:
            number = 0
            for line in lines:
                if line.startswith("id: "):
                    number = int(line[4:])
                elif line.startswith("data: "):
                    yield json.loads(line[6:]) | {"id": number}

        yield events()


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_it_tells_what_runs_and_what_was(http: httpx.Client) -> None:
    """Now, the archive, one of it, its difference, gates, releases, usage, logs."""
    now = http.get("/api/now").json()
    assert now["slots"]["current"]["port"] > 0
    rows = http.get("/api/candidates").json()
    assert [row["state"] for row in rows["candidates"]] == ["abandoned", "rejected", "promoted"]
    one = http.get(f"/api/candidates/{rows['candidates'][0]['candidate']}").json()
    assert one["goal"].startswith("goal of")
    assert http.get(f"/api/candidates/{one['candidate']}/diff").json()["diff"] == ""
    assert len(http.get("/api/gates").json()["gates"]) == 3
    assert http.get("/api/releases").json()["releases"][0]["tag"] == "release/0"
    usage = http.get("/api/usage").json()
    assert (usage["tokens"], usage["tokens_per_promotion"]) == (300, 300)
    assert http.get("/api/logs/gates").json()["lines"]
    assert http.get("/api/logs/chat").json()["name"] == "chat"


def test_the_archive_is_told_in_pages(http: httpx.Client) -> None:
    """Each page says where the next one begins; state and text narrow it."""
    first = http.get("/api/candidates?limit=2").json()
    rest = http.get(f"/api/candidates?limit=2&before={first['next']}").json()
    assert [len(first["candidates"]), len(rest["candidates"]), rest["next"]] == [2, 1, None]
    only = http.get("/api/candidates?state=rejected").json()["candidates"]
    assert [row["state"] for row in only] == ["rejected"]
    assert len(http.get("/api/candidates?text=GOAL OF").json()["candidates"]) == 3
    assert http.get("/api/candidates?text=nothing").json()["candidates"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/candidates?limit=0", 400),
        ("/api/candidates?limit=501", 400),
        ("/api/candidates?limit=1e3", 400),
        ("/api/candidates?limit=9999999999999999999999", 400),
        ("/api/candidates?before=..%2F..", 400),
        ("/api/candidates?nonsense=1", 400),
        ("/api/candidates?state=king", 400),
        ("/api/candidates?text=%00", 400),
        ("/api/candidates/no-such", 404),
        ("/api/candidates/..%2f..%2fetc%2fpasswd", 404),
        ("/api/logs/..%2f..%2fstate%2ftokens.json", 404),
        ("/api/logs/tokens", 400),
        ("/api/nothing", 404),
    ],
)
def test_what_makes_no_sense_is_refused(http: httpx.Client, path: str, status: int) -> None:
    answer = http.get(path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_burst_of_questions_is_answered(here: House) -> None:
    """More at once than the supervisor's door takes: they wait, and none counts as an error."""

    async def run(url: str) -> list[int]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(trust_env=False, timeout=30, limits=limits) as client:
            asking = (client.get(f"{url}/api/candidates") for _ in range(200))
            return [one.status_code for one in await asyncio.gather(*asking)]

    with served(here) as (running, url):
        assert asyncio.run(run(url)) == [200] * 200
        assert running.do("stats")["stats"]["errors"] == 0


def test_evidence_is_read_below_its_folder_alone(here: House, http: httpx.Client) -> None:
    """No path and no link leads out of a candidate's evidence (attack W4)."""
    name = here.candidate("20261121T111111Z").id
    folder = here.world.layout.evidence / name
    (folder / "tests").mkdir(parents=True)
    (folder / "tests/out.txt").write_text("1 passed")
    (here.world.layout.state / "secret").write_text("secret")
    (folder / "link").symlink_to(here.world.layout.state / "secret")
    (folder / "folder").symlink_to(here.world.layout.state)
    path = f"/api/candidates/{name}/evidence"
    assert http.get(path, params={"path": "tests/out.txt"}).json()["text"] == "1 passed"
    for trick in ("../../state/secret", "/etc/passwd", "link", "folder/secret", "tests/../../x",
                  "tests", "", ".", "tests//..//..//x", "no-such", "a" * 300):  # fmt: skip
        answer = http.get(path, params={"path": trick})
        assert answer.status_code in (400, 404), trick
        assert "secret" not in answer.text.replace(trick, "")


def test_events_are_heard_as_they_happen(here: House, http: httpx.Client) -> None:
    """Each is sent once, under its own number."""
    with following(http) as events:
        threading.Timer(0.3, here.tell, (Kind.NOTICE,), {"text": "one"}).start()
        first = next(events)
        assert (first["text"], first["id"]) == ("one", first["number"])
        here.tell(Kind.NOTICE, text="two")
        assert next(events)["text"] == "two"


def test_events_are_taken_up_where_they_were_left(here: House, http: httpx.Client) -> None:
    """With the last id seen: what was missed first, in order, then what comes."""
    last = http.get("/api/events?limit=1").json()["events"][-1]["number"]
    for word in ("missed 1", "missed 2"):
        here.tell(Kind.NOTICE, text=word)
    with following(http, **{"last-event-id": str(last)}) as events:
        assert [next(events)["text"] for _ in range(2)] == ["missed 1", "missed 2"]
        here.tell(Kind.NOTICE, text="live")
        assert next(events)["text"] == "live"


def test_however_much_was_missed_is_told(here: House, http: httpx.Client) -> None:
    """More than one answer holds, then what comes: no number is left out."""
    last = http.get("/api/events?limit=1").json()["events"][-1]["number"]

    def fill() -> None:
        with here.world.journal.together():
            for _ in range(2 * BACKLOG_MAX + 10):
                here.world.tell(Kind.NOTICE, text="missed")

    here.do(fill)
    with following(http, **{"last-event-id": str(last)}) as events:
        numbers = [next(events)["number"] for _ in range(2 * BACKLOG_MAX + 10)]
        here.tell(Kind.NOTICE, text="live")
        numbers.append(next(events)["number"])
    assert numbers == list(range(last + 1, last + 2 * BACKLOG_MAX + 12))


class Overflowed(Facts):
    """A supervisor that was away, whose ear then lost some: what it wrote down it still knows."""

    def __init__(self, kept: int, heard: list[int]) -> None:
        super().__init__("nowhere")
        self.kept, self.heard = kept, heard

    async def ask(self, verb: str, args: Any = None, *_: object) -> dict[str, Any]:
        first = args["after"] + 1
        page = range(first, min(first + args["limit"], self.kept + 1))
        return {"events": [event(number) for number in page]}

    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        yield {}
        for number in self.heard:
            yield event(number)
        await asyncio.Event().wait()


def event(number: int) -> dict[str, Any]:
    return {"number": number, "kind": "notice", "candidate": None}


def test_what_the_supervisors_ear_lost_is_asked_for() -> None:
    async def run() -> list[bytes]:
        hub = Hub(Overflowed(500, [1, 2, 500]))
        stream = hub.stream(None, Filter())
        found = [await anext(stream)]
        while b"id: 500\n" not in found[-1]:
            found.append(await anext(stream))
        hub.close()
        return found

    said = b"".join(asyncio.run(run())).splitlines()
    ids = [line for line in said if line.startswith(b"id: ")]
    assert ids == [b"id: %d" % n for n in range(1, 501)]


def test_a_thousand_who_listen_all_hear_the_same_bytes() -> None:
    """An event is written once, and each stream ends when its process drains."""

    async def run() -> tuple[list[bytes], list[bytes]]:
        hub = Hub(Overflowed(1, [1]))
        streams = [hub.stream(None, Filter()) for _ in range(1000)]
        begun = await asyncio.gather(*(anext(one) for one in streams))
        told = await asyncio.gather(*(anext(one) for one in streams))
        hub.leave()
        ended = await asyncio.gather(*(anext(one, b"end") for one in streams))
        hub.close()
        assert set(begun) == {b"retry: 1000\n\n"} and not hub.ears
        return told, ended

    told, ended = asyncio.run(run())
    assert told[0].startswith(b"id: 1\n") and set(ended) == {b"end"}
    assert {len(told), len({id(one) for one in told})} == {1000, 1}


def test_those_who_missed_some_while_the_supervisor_is_away_ask_again() -> None:
    """The stream ends rather than go on with a gap."""

    async def run() -> list[bytes]:
        hub = Hub(Facts("/nowhere/at/all"))
        try:
            return [piece async for piece in hub.stream(7, Filter())]
        finally:
            hub.close()

    assert asyncio.run(run()) == [b"retry: 1000\n\n"]


def test_a_stream_tells_only_what_was_asked_for(here: House, http: httpx.Client) -> None:
    """By kind and by candidate, for what was missed, for what comes, and in pages."""
    last = http.get("/api/events?limit=1").json()["events"][-1]["number"]
    asked = {"after": last, "kind": "notice", "candidate": "20261121T141414Z"}
    here.tell(Kind.NOTICE, "20261121T141414Z", text="missed")
    here.tell(Kind.NOTICE, text="of nobody")
    here.tell(Kind.AUTHOR_TURN, "20261121T141414Z", said={})
    page = http.get("/api/events", params=asked).json()["events"]
    assert [one["text"] for one in page] == ["missed"]
    with following(http, asked) as events:
        assert next(events)["text"] == "missed"
        here.tell(Kind.AUTHOR_TURN, "20261121T141414Z", said={})
        here.tell(Kind.NOTICE, "20261121T141414Z", text="live")
        assert next(events)["text"] == "live"


def test_a_drained_process_sends_its_listeners_on(here: House) -> None:
    """The stream ends cleanly, so that a browser takes it up again at the new process."""
    with served(here) as (running, url):
        with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
            with following(client) as events:
                running.do("drain")
                assert list(events) == []
            running.do("accept")
            with following(client) as events:
                here.tell(Kind.NOTICE, text="again")
                assert next(events)["text"] == "again"


def test_an_act_needs_a_token_that_may_act(here: House, http: httpx.Client) -> None:
    """Without one 401, with another 403, and nothing has happened."""
    assert http.post("/api/acts/freeze", json={}).status_code == 401
    reads = here.token("only-reads", "read", "chat", "tools")
    assert http.post("/api/acts/freeze", json={}, headers=bearer(reads)).status_code == 403
    assert here.world.journal.fact("frozen") is None
    acts = here.token("acts", "act")
    assert http.post("/api/acts/freeze", json={}, headers=bearer(acts)).json() == {"frozen": True}
    assert http.post("/api/acts/unfreeze", json={}, headers=bearer(acts)).status_code == 200
    told = here.world.journal.last_events(4)
    assert any("freeze was asked for on :7001 with token acts" in str(one) for one in told)


def test_what_cannot_be_done_is_told(here: House, http: httpx.Client) -> None:
    acts = bearer(here.token("acts-too", "act"))
    answer = http.post("/api/acts/promote", json={"candidate": "no-such"}, headers=acts)
    assert (answer.status_code, code_of(answer)) == (404, "not_found")
    assert http.post("/api/acts/rollback", json={}, headers=acts).status_code in (400, 409)
    assert http.post("/api/acts/down", json={}, headers=acts).status_code == 400
    assert http.post("/api/acts/promote", json={"candidate": 3}, headers=acts).status_code == 400


def test_goals_come_and_go_by_acts(here: House, http: httpx.Client) -> None:
    """Only the words that an act knows are passed on: no paths, no checks that run."""
    acts = bearer(here.token("goals", "act"))
    made = http.post(
        "/api/acts/goal.add", json={"text": "be quick", "session": "/etc/passwd"}, headers=acts
    ).json()
    assert (made["text"], made["session"]) == ("be quick", None)
    assert made["id"] in [goal["id"] for goal in http.get("/api/goals").json()["goals"]]
    http.post("/api/acts/goal.remove", json={"id": made["id"]}, headers=acts)
    assert http.get("/api/goals").json()["goals"] == []


def test_approving_takes_a_token_for_this_candidate_once(here: House, http: httpx.Client) -> None:
    """A token seen in passing approves nothing: promoted code cannot widen its own walls."""
    for name in ("20261121T121212Z", "20261121T131313Z"):
        here.candidate(name, state=Stage.JUDGED, needs_approval=True, passed=True)
    acts = bearer(here.token("acts-3", "act"))
    bound = bearer(here.token("bound", "act", approves="20261121T121212Z"))

    def approve(candidate: str, headers: dict[str, str]) -> httpx.Response:
        return http.post("/api/acts/approve", json={"candidate": candidate}, headers=headers)

    assert approve("20261121T121212Z", acts).status_code == 403
    assert approve("20261121T131313Z", bound).status_code == 403
    assert http.post("/api/acts/freeze", json={}, headers=bound).status_code == 403
    first = approve("20261121T121212Z", bound)
    assert first.status_code != 403  # it was let in; there is no merge result to promote here
    assert here.world.journal.candidate("20261121T121212Z").approved  # type: ignore[union-attr]
    assert approve("20261121T121212Z", bound).status_code in (401, 403)
    assert not here.world.journal.candidate("20261121T131313Z").approved  # type: ignore[union-attr]


def test_the_door_itself_refuses_what_is_not_on_its_list(here: House) -> None:
    """Whatever promoted code says to it: no other verb, no rubbish, and it goes on."""
    import socket

    for raw in (b'{"verb": "down"}\n', b'{"verb": "token.add", "args": {"name": "x"}}\n',
                b'{"verb": "fitness"}\n', b"rubbish\n", b"[]\n", b'{"verb": "promote"}\n',
                b'{"verb": "log", "args": {"name": "../state/tokens"}}\n',
                b'{"verb": "candidates", "args": {"limit": -1}}\n'):  # fmt: skip
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(20)
            line.connect(here.socket)
            line.sendall(raw)
            assert "error" in json.loads(line.makefile().readline()), raw
    assert here.do(lambda: True)


def test_metrics_are_prometheus_text(here: House, http: httpx.Client) -> None:
    """Counts of this process and of the instance, without a label that could grow for ever."""
    from prometheus_client.parser import text_string_to_metric_families

    http.get("/healthz")
    text = http.get("/metrics").text
    families = {one.name: one for one in text_string_to_metric_families(text)}
    assert families["org_requests"].samples[0].value > 0
    states = {one.labels["state"]: one.value for one in families["org_candidates"].samples}
    assert states["promoted"] >= 1
    assert families["org_resident_bytes"].samples[0].value > 0
    board = json.loads((ROOT / "ops/grafana.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for one in asked:  # the dashboard asks for nothing that is not told
        name = re.search(r"org_[a-z_]+", one)
        assert name and name[0].removesuffix("_total") in families, one
    assert families["org_up"].samples[0].value == 1


def test_metrics_are_told_while_the_supervisor_is_away(here: House) -> None:
    """This process' own, and that it is away."""
    with served(here, ORG_FACTS="/nowhere/at/all") as (_, url):
        answer = httpx.get(f"{url}/metrics", trust_env=False)
    assert answer.status_code == 200
    assert "org_up 0.0" in answer.text
    assert "org_requests_total" in answer.text
