"""The tool host: tools run in a cell of their own, for those who may, once for each key."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from daemon.orchestrator.tools import schemas, seconds_for
from tests.orchestrator.house import House, house, served


@pytest.fixture(scope="module")
def here() -> Iterator[House]:
    with house() as made:
        yield made


@pytest.fixture(scope="module")
def http(here: House) -> Iterator[httpx.Client]:
    secret = here.token("tools", "tools")
    with served(here) as (_, url):
        headers = {"authorization": f"Bearer {secret}"}
        with httpx.Client(base_url=url, trust_env=False, timeout=60, headers=headers) as client:
            yield client


def run(
    http: httpx.Client, tool: str, key: str | None = None, **arguments: object
) -> httpx.Response:
    headers = {"idempotency-key": key} if key else {}
    body = {"tool": tool, "arguments": arguments}
    return http.post("/v1/tools/execute", json=body, headers=headers)


def test_the_tools_are_listed_with_their_schemas(http: httpx.Client) -> None:
    names = [one["function"]["name"] for one in http.get("/v1/tools").json()["tools"]]
    assert {"read_file", "write_file", "sh"} <= set(names)
    assert not {"done", "pyexe", "todoread", "todowrite", "webfetch", "question"} & set(names)


@pytest.mark.process
def test_a_tool_runs_in_a_workspace_that_stays(http: httpx.Client) -> None:
    """What one call writes the next one reads; another workspace has none of it."""
    assert run(http, "write_file", path="a.txt", content="hello").json()["ok"]
    assert "hello" in run(http, "read_file", path="a.txt").json()["text"]
    body = {"tool": "read_file", "arguments": {"path": "a.txt"}, "workspace": "other"}
    assert not http.post("/v1/tools/execute", json=body).json()["ok"]


@pytest.mark.process
def test_a_persons_own_rules_hold_here_too(here: House, http: httpx.Client) -> None:
    """Of the instance's rules.toml; one that makes no sense lets nothing through."""
    path = here.world.layout.home / "rules.toml"
    try:
        path.write_text('[[commands]]\nname = "t"\nwhy = "no touching"\nprograms = ["touch"]\n')
        said = run(http, "sh", command="touch ruled.txt").json()
        assert (said["ok"], "no touching" in said["text"]) == (False, True)
        path.write_text("rubbish")
        assert not run(http, "sh", command="touch ruled.txt").json()["ok"]
    finally:
        path.unlink()
    assert not run(http, "read_file", path="ruled.txt").json()["ok"]


@pytest.mark.process
def test_a_tool_has_no_way_out_of_its_cell(here: House, http: httpx.Client) -> None:
    """No network, no home of the instance, no socket of the supervisor or the broker."""
    assert shutil.which("bwrap"), "apt-get install bubblewrap"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        said = run(http, "sh", command=f"exec 3<>/dev/tcp/127.0.0.1/{port}").json()
        assert not said["ok"]
    home = here.world.layout.home
    assert not run(http, "sh", command=f"ls {home}").json()["ok"]
    assert not run(http, "sh", command="ls /run/org").json()["ok"]
    told = run(http, "sh", command="env").json()["text"]
    assert "ORG_FACTS" not in told and "ORG_BROKER" not in told
    assert not run(http, "read_file", path="/etc/passwd").json()["ok"]


def test_without_the_scope_nothing_runs(here: House) -> None:
    """Not even for callers on this machine."""
    with served(here) as (_, url):
        body = {"tool": "sh", "arguments": {"command": "true"}}
        assert httpx.post(f"{url}/v1/tools/execute", json=body).status_code == 401
        chats = {"authorization": f"Bearer {here.token('chats', 'chat')}"}
        answer = httpx.post(f"{url}/v1/tools/execute", json=body, headers=chats)
        assert answer.status_code == 403


@pytest.mark.process
def test_the_same_key_runs_once(http: httpx.Client) -> None:
    """A repeat gets the first answer, also while it runs; another call under it is refused."""
    command = "echo x >> once.txt; sleep 0.5; wc -l < once.txt"
    told: list[str] = []
    both = [
        threading.Thread(target=lambda: told.append(run(http, "sh", "k1", command=command).text))
        for _ in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    told.append(run(http, "sh", "k1", command=command).text)
    assert len(set(told)) == 1
    assert run(http, "sh", command="wc -l < once.txt").json()["text"].startswith("1\n")
    other = run(http, "sh", "k1", command="true")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert run(http, "sh", "no key", command="true").status_code == 400


@pytest.mark.process
def test_a_tool_is_stopped_at_its_time(http: httpx.Client) -> None:
    began = time.monotonic()
    body = {"tool": "sh", "arguments": {"command": "sleep 30"}, "seconds": 1}
    answer = http.post("/v1/tools/execute", json=body).json()
    assert (answer["ok"], "limit" in answer["text"]) == (False, True)
    assert time.monotonic() - began < 15


@pytest.mark.process
def test_a_caller_who_leaves_ends_its_tool(http: httpx.Client) -> None:
    """Cancelled at the client, nothing of it runs on."""
    mark = f"leaving-{os.getpid()}"
    body = {"tool": "sh", "arguments": {"command": f": {mark}; sleep 60"}}
    with pytest.raises(httpx.ReadTimeout):
        http.post("/v1/tools/execute", json=body, timeout=2.0)
    deadline = time.monotonic() + 20
    while alive(mark):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(mark: str) -> bool:
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        if any(mark in word for word in process.info["cmdline"] or ()):
            return True
    return False


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"tool": 3}, 400),
        ({"tool": "no_such"}, 404),
        ({"tool": "done"}, 404),
        ({"tool": "sh", "arguments": []}, 200),
        ({"tool": "sh", "arguments": "x"}, 400),
        ({"tool": "sh", "arguments": {"command": "true"}, "workspace": "../x"}, 400),
        ({"tool": "sh", "arguments": {"command": "true"}, "workspace": "/etc"}, 400),
        ({"tool": "sh", "arguments": {"command": "true"}, "seconds": "x"}, 400),
    ],
)
def test_what_makes_no_sense_is_refused(
    http: httpx.Client, body: dict[str, object], status: int
) -> None:
    """Names of workspaces are names, never paths (attack W4)."""
    assert http.post("/v1/tools/execute", json=body).status_code == status


@pytest.mark.parametrize(
    ("tool", "arguments", "seconds"),
    [
        ("sh", {"command": "ls"}, 30.0),
        ("sh", {"command": "sudo apt-get install x"}, 300.0),
        ("sh", {"command": "/usr/bin/pip install x"}, 300.0),
        ("sh", {"command": "ls", "timeout_s": 100}, 101.0),
        ("run_tests", {}, 300.0),
        ("sh", {"command": "ls", "timeout_s": 10_000}, 30.0),
    ],
)
def test_what_fetches_packages_may_take_longer(
    tool: str, arguments: dict[str, object], seconds: float
) -> None:
    assert seconds_for(tool, arguments) == seconds
    assert schemas()
