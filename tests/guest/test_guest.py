"""The real guest: it boots by itself, evolves, promotes, rolls back, and survives what may come."""

from __future__ import annotations

import json
import os
import pty
import random
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.guest.virtual import Guest, Relay, guest
from tests.journeys import service
from tests.journeys.instance import ROOT, commit_all
from tests.load import Load
from tests.model_server import say, scripted_model
from vm import image, life, prove
from vm.guest_line import GuestLine
from vm.qemu import EXEC

pytestmark = pytest.mark.guest

CUTS = int(os.environ.get("ORG_POWER_CUTS", "3"))  # each costs a boot
CUT_SECONDS = 12.0
PER_SECOND = 4  # what an emulated guest answers besides working
MODEL_SECONDS = 900.0
GOOD = '''"""Counting."""


def count(path):
    """How many words `path` has, separated by slashes; nothing between two is no word."""
    return len([word for word in path.split("/") if word])
'''
EVOLVE = (
    "orgctl evolve --wait --json --protocol rewrite --module words.py --goal 'count words only'"
)
READY = """orgctl status --json | grep -q '"state": "ready"'"""
BOOT_ID = "/proc/sys/kernel/random/boot_id"
SUPERVISOR = "pgrep -u org -f daemon.supervisor.process"
PROCESSES = {
    "broker": "pgrep -u org-broker -f daemon.broker",
    "current": "pgrep -u org -nf daemon.orchestrator",
    "supervisor": SUPERVISOR,
    "keeper": "pgrep -u org -f daemon.supervisor.keeper",
}
FALL_WITH_IT = ("supervisor", "current")  # systemd ends all that a dead keeper kept


class Redirecting(BaseHTTPRequestHandler):
    """A model's server that sends whoever asks elsewhere."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("location", "http://1.1.1.1/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: pytest shows what the test says."""


@pytest.fixture
def redirecting(model: Relay) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        model.leads_to(server.server_address[1])
        yield
        server.shutdown()


@pytest.fixture(scope="module")
def model() -> Iterator[Relay]:
    """The one address of the host that the guest reaches; who answers there, the tests say."""
    with Relay() as relay:
        yield relay


@pytest.fixture(scope="module")
def booted(made: Path, model: Relay, place: Path) -> Iterator[Guest]:
    with guest(place / f"machine-{os.getpid()}", made, model.address) as one:
        yield one


def test_it_is_ready_at_boot(booted: Guest) -> None:
    """Every unit is well, the instance was made at the first boot, the host is answered."""
    assert booted.must("systemctl is-system-running") == "running"
    assert booted.must("systemctl is-active org.service org-broker.service").split() == [
        "active",
        "active",
    ]
    assert "release/0" in booted.must("systemctl show -P StatusText org.service")
    assert booted.health()["tag"] == "release/0"
    assert len(booted.must("cat /etc/machine-id")) == 32
    assert "org-state" in booted.must("lsblk -no SERIAL $(findmnt -no SOURCE /var/lib/org)")
    booted.agrees()


def test_its_doctor_is_content_and_names_a_wall_that_was_opened(booted: Guest) -> None:
    """Each needed check is green; without the rules one is red, and its remedy mends it."""
    green = booted.json("orgctl doctor --json", 120.0)
    assert green["ok"], green
    assert {"services", "walls", "network", "ipv6"} <= {one["name"] for one in green["checks"]}
    booted.must("nft flush ruleset")
    red = json.loads(booted.run("orgctl doctor --json", 120.0).out)
    bad = [one for one in red["checks"] if one["needed"] and not one["ok"]]
    assert [one["name"] for one in bad] == ["walls"]
    booted.must(bad[0]["remedy"])
    assert booted.json("orgctl doctor --json", 120.0)["ok"]


def test_no_way_leads_out(booted: Guest, redirecting: None) -> None:
    """With all walls, and with the guest's own rules gone: root, org, broker and a cell."""
    with GuestLine(booted.machine.folder / EXEC) as line:
        whole = prove.ways(line)
        line.run(["nft", "flush", "ruleset"])
        card_alone = prove.ways(line)
        line.run(["systemctl", "restart", "org-walls.service"])
    print("\nall walls\n" + "\n".join(prove.lines(whole)))
    print("\nthe card and the cell's walls alone\n" + "\n".join(prove.lines(card_alone)))
    assert len(whole["root"]) > 30
    assert prove.escapes(whole) == []
    reached = {who for who, tried in whole.items() if tried[prove.MODEL]["out"]}
    assert reached == {"broker"}
    beyond = [one for one in prove.escapes(card_alone) if prove.MODEL not in one]
    assert beyond == []
    assert not card_alone["cell"][prove.MODEL]["out"]


@pytest.mark.parametrize("who", PROCESSES)
def test_a_killed_process_comes_back(booted: Guest, who: str) -> None:
    """Whoever was killed, the host's next request is answered: it waits in the backlog."""
    before = booted.must(PROCESSES[who])
    fall = [who, *(FALL_WITH_IT if who == "keeper" else ())]
    fallen = " ".join(booted.must(PROCESSES[one]).splitlines()[0] for one in fall)
    booted.must(f"kill -9 {before.splitlines()[0]}")
    # What was under way in the one that dies dies too; what comes after must not.
    booted.until(f"! ps -o pid= {fallen}")
    assert booted.health()["status"] == "ok"
    booted.until(f'test -n "$({PROCESSES[who]})" -a "$({PROCESSES[who]})" != \'{before}\'')
    booted.until(READY)


def test_the_watchdog_bites(booted: Guest) -> None:
    """A supervisor that hangs is missed, and org serves again."""
    drop_in = "/run/systemd/system/org.service.d"
    booted.must(f"mkdir -p {drop_in}; printf '[Service]\\nWatchdogSec=20\\n' > {drop_in}/t.conf")
    booted.must("systemctl daemon-reload; systemctl restart org.service", 240.0)
    before = booted.must(SUPERVISOR)
    booted.must(f"kill -STOP {before}")
    booted.until(f'test -n "$({SUPERVISOR})" -a "$({SUPERVISOR})" != \'{before}\'')
    booted.until(READY)
    assert "watchdog" in booted.must("journalctl -u org.service --no-pager").lower()
    booted.must(f"rm -r {drop_in}; systemctl daemon-reload")


def test_its_tmux_session_opens_on_the_hosts_terminal(booted: Guest) -> None:
    """`orgctl vm attach` shows the guest's windows, and Ctrl-] leaves them."""
    ours, theirs = pty.openpty()
    console = str(booted.machine.folder / "console.sock")
    code = "import sys, pathlib; from vm.console import open_console as o;"
    code += "sys.exit(o(pathlib.Path(sys.argv[1]), 'orgctl attach'))"
    child = subprocess.Popen(
        [sys.executable, "-c", code, console],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm"},
    )
    shown, deadline = b"", time.monotonic() + 180.0
    while b"gates" not in shown and time.monotonic() < deadline:
        if select.select([ours], [], [], 1.0)[0]:
            shown += os.read(ours, 65536)
    assert b"supervisor" in shown and b"gates" in shown, shown[-2000:]
    os.write(ours, b"\x1d")
    assert child.wait(10) == 0
    os.close(ours)
    os.close(theirs)


def test_snapshot_and_revert(booted: Guest) -> None:
    """What happened since is undone, memory and disks; the clock goes on."""
    booted.must("echo before > /var/lib/org/logs/mark; sync")
    assert "kept" in life.snapshot(booted.machine.folder, "kept")["snapshots"]
    booted.must("echo after > /var/lib/org/logs/mark; echo x > /run/new")
    life.revert(booted.machine.folder, "kept")
    assert booted.must("cat /var/lib/org/logs/mark; ls /run/new 2>/dev/null || true") == "before"
    assert abs(int(booted.must("date +%s")) - time.time()) < 60
    booted.until(READY)


def test_a_cycle_is_promoted_and_rolled_back_under_load(booted: Guest, model: Relay) -> None:
    """A small service evolves in the guest: the model answers through the one forward, later a
    recording of it does; the host's requests go on meanwhile, and not one is lost."""
    booted.evolves(service.FILES)
    with scripted_model([say(f"```python\n{GOOD}```")]) as server:
        model.leads_to(server.server_address[1])
        with Load(f"{booted.url}/up", PER_SECOND) as load:
            done = booted.json(f"{EVOLVE} --record /var/lib/org/kept.jsonl", 900.0)
            assert done["outcome"] == "promoted", done
            assert booted.get("/a/b") == {"count": 2}
            booted.must("orgctl rollback --yes", 240.0)
            assert booted.get("/a/b") == {"count": 3}
            load.wait_for(PER_SECOND)
        assert server.asked
    print(f"answered {load.answered}, p99 {load.quantile(0.99):.0f} ms, {dict(load.faults)}")
    assert (load.failed, load.refused, load.cut) == (0, 0, 0)
    said = booted.run(f"{EVOLVE} --session /var/lib/org/kept.jsonl", 900.0)
    again = json.loads(said.out)
    assert said.code == 1
    assert (again["outcome"], again["tokens"]) == ("rejected", done["tokens"]), again
    assert "rolled back by hand" in again["reason"]  # the same tree, which a person sent back
    assert booted.get("/a/b") == {"count": 3}
    booted.agrees()


def test_a_reboot_brings_the_same_back(booted: Guest) -> None:
    """By its own systemd, in the same QEMU: ready again, with the release that served."""
    before, serves = booted.must(f"cat {BOOT_ID}"), booted.tag()
    booted.must("systemd-run -q --on-active=1 systemctl reboot")
    booted.comes_back(f"test $(cat {BOOT_ID}) != {before}")
    booted.until(READY)
    assert booted.tag() == serves
    booted.agrees()


def test_power_cuts_during_switches(booted: Guest) -> None:
    """QEMU is killed at random instants of a rollback or a return; each boot finds one story."""
    chance = random.Random(7)
    for number in range(CUTS):
        target = "release/1" if booted.tag() == "release/0" else "release/0"
        booted.must(f"systemd-run -q orgctl rollback --yes --to {target}")
        instant = chance.uniform(0.0, CUT_SECONDS)
        time.sleep(instant)
        life.down(booted.machine.folder, force=True)
        print(f"cut {number + 1} of {CUTS} after {instant:.1f} s, towards {target}")
        print(booted.boot())
        booted.until(READY)
        booted.agrees()


def test_a_renewed_system_keeps_the_instance(booted: Guest, shared: Path) -> None:
    """A newer image under the same state disk: same releases, same history, newer program."""
    before = booted.json("orgctl status --json")
    (shared / "org/README.md").write_text("A newer org.\n")
    commit_all(shared / "org", "Make it newer")
    newer = image.build(image.Plan(booted.machine.image, shared / "org"), lambda *_: None)
    assert life.down(booted.machine.folder, force=False)["how"] == "powered off"
    found = booted.boot()
    assert found["renewed"], found
    head = "git --git-dir=/opt/org/src/.git -c safe.directory='*' rev-parse HEAD"
    assert booted.must(head) == newer["inputs"]["org"]
    after = booted.json("orgctl status --json")
    assert after["main"] == before["main"] and after["counts"] == before["counts"]
    assert booted.json("orgctl doctor --json", 120.0)["ok"]
    booted.agrees()


@pytest.mark.model
def test_a_real_model_works_for_the_guest(booted: Guest, model: Relay, tmp_path: Path) -> None:
    """llama.cpp on the host's loopback writes what the guest judges; either verdict is honest."""
    record = tmp_path / "model.json"
    boot = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.local_model"]
    subprocess.run([*boot, "start", str(record)], check=True, timeout=MODEL_SECONDS)
    try:
        model.leads_to(int(json.loads(record.read_text())["base"].rpartition(":")[2]))
        booted.evolves(service.FILES)
        said = booted.run(EVOLVE, 900.0)
        done = json.loads(said.out)
    finally:
        subprocess.run([*boot, "stop", str(record)], check=True)
    print({key: done[key] for key in ("outcome", "tokens", "reason")})
    assert done["outcome"] in ("promoted", "rejected", "abandoned")
    assert done["tokens"] > 0
    booted.agrees()
