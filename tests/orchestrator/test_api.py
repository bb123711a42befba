"""`/api/…`: what is told, and acts that need a person's token."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from daemon.core.candidate import Stage
from tests.orchestrator.house import House, bearer, code_of, served


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
