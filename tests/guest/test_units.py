"""org as a service of a real systemd: installed, hardened, killed, watched, reloaded, removed."""

from __future__ import annotations

import json
import re

import pytest

from tests.guest.real_systemd import Machine

pytestmark = pytest.mark.guest

EXPOSURE_MAX = {"org.service": 3.0, "org-broker.service": 1.5}
ASK = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=60).read().decode())"
SUPERVISOR = "pgrep -u org -f daemon.supervisor.process"
PROCESSES = {
    "keeper": "pgrep -u org -f daemon.supervisor.keeper",
    "supervisor": SUPERVISOR,
    "broker": "pgrep -u org-broker -f daemon.broker",
    "current": "pgrep -u org -nf daemon.orchestrator",
}


def health(service: Machine) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        service.must(f"python3 -c '{ASK}' http://127.0.0.1:7001/healthz")
    )
    return found


def ready(service: Machine) -> None:
    """Served, steered and connected to its broker."""
    service.until('orgctl status --json | grep -q \'"state": "ready"\'', 60)
    service.until(f"test $({SUPERVISOR} | wc -l) = 1")


def test_the_service_runs_and_its_doctor_is_content(service: Machine) -> None:
    """Ready after the installer, told in one line, as two users, and nothing is missing."""
    assert service.must("systemctl is-active org.service") == "active"
    assert service.must("systemctl is-enabled org.service org.socket").split() == ["enabled"] * 2
    assert "release/0" in service.show("org.service", "StatusText")
    assert health(service)["tag"] == "release/0"
    assert service.must("pgrep -u org-broker -f daemon.broker")
    doctor = service.run("orgctl doctor --json")
    assert doctor.code == 0, doctor.out
    assert {"services", "walls"} <= {one["name"] for one in doctor.json["checks"]}


@pytest.mark.parametrize("unit", EXPOSURE_MAX)
def test_the_walls_of_a_unit_are_measured(service: Machine, unit: str) -> None:
    said = service.run(f"systemd-analyze security --no-pager {unit}").out
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found is not None, said
    print(f"{unit}: exposure {found[1]}")
    assert float(found[1]) <= EXPOSURE_MAX[unit]


def test_systemd_finds_nothing_wrong_with_the_units(service: Machine) -> None:
    said = service.run("systemd-analyze verify /etc/systemd/system/org*.*")
    assert said.code == 0 and "org" not in said.err, said.err


def test_keys_are_seen_by_the_broker_alone(service: Machine) -> None:
    """Root's file reaches the broker as a credential; org itself cannot read it."""
    service.must("printf 'OPENAI_API_KEY = \"sk-of-a-test-and-long\"\\n' > /etc/org/keys.toml")
    service.must("chmod 600 /etc/org/keys.toml; systemctl restart org-broker.service")
    service.until("systemctl is-active org-broker.service")
    pid = service.must(PROCESSES["broker"])
    read = f"nsenter -t {pid} -m cat /run/credentials/org-broker.service/keys.toml"
    assert "sk-of-a-test" in service.must(read)
    for path in ("/etc/org/keys.toml", "/run/credentials/org-broker.service/keys.toml"):
        assert service.run(f"cat {path}", user="org").code != 0
    service.must("rm /etc/org/keys.toml; systemctl restart org-broker.service")
    ready(service)


@pytest.mark.parametrize("who", PROCESSES)
def test_a_killed_process_comes_back_and_the_port_never_closes(service: Machine, who: str) -> None:
    """A request right after the kill is answered: it waits in the backlog of systemd's socket."""
    before = service.must(PROCESSES[who])
    service.must(f"kill -9 {before.splitlines()[0]}")
    assert health(service)["status"] == "ok"
    service.until(f'test -n "$({PROCESSES[who]})" -a "$({PROCESSES[who]})" != \'{before}\'')
    ready(service)


def test_the_watchdog_bites_a_supervisor_that_hangs(service: Machine) -> None:
    """Stopped, not dead: only the missing signs of life tell; a drop-in shortens the limit."""
    service.must("mkdir -p /etc/systemd/system/org.service.d")
    service.must(
        "printf '[Service]\\nWatchdogSec=2\\n' > /etc/systemd/system/org.service.d/test.conf"
    )
    service.must("systemctl daemon-reload; systemctl restart org.service")
    ready(service)
    before = service.must(SUPERVISOR)
    service.must(f"kill -STOP {before}")
    service.until(f'test -n "$({SUPERVISOR})" -a "$({SUPERVISOR})" != \'{before}\'', 60)
    assert health(service)["status"] == "ok"
    assert "watchdog" in service.must("journalctl -u org.service --no-pager").lower()
    service.must("rm /etc/systemd/system/org.service.d/test.conf; systemctl daemon-reload")
    service.must("systemctl restart org.service")
    ready(service)


def test_reload_reads_the_settings_again(service: Machine) -> None:
    """A good change is taken, a bad one refused by line, and the process stays the same."""
    before = service.must(SUPERVISOR)
    service.must("systemctl reload org.service")
    settings = "/var/lib/org/org.toml"
    service.must(f"cp {settings} /root/kept; printf '[author]\\nsteps = 1\\n' >> {settings}")
    refused = service.run("orgctl reload --json")
    assert refused.code == 2 and "author.steps" in refused.json["error"]
    assert service.run("systemctl reload org.service").code != 0
    service.must(f"cat /root/kept > {settings}; systemctl reload org.service")
    assert service.must(SUPERVISOR) == before


def test_events_are_fields_of_the_journal(service: Machine) -> None:
    said = service.must("journalctl ORG_KIND=notice -o json --no-pager | head -1")
    entry = json.loads(said)
    assert entry["SYSLOG_IDENTIFIER"] == "org" and entry["ORG_TEXT"]


def test_root_leaves_nothing_of_its_own_in_the_instance(service: Machine) -> None:
    """orgctl run by root acts as the owner, whatever it does, and with no daemon too."""
    for verb in ("status", "goal list", "verify", "candidates"):
        service.must(f"orgctl {verb}")
    service.must("orgctl down --yes && ! systemctl -q is-active org.service")
    assert service.run("orgctl status").code == 5
    service.must("orgctl up")
    assert service.must("find /var/lib/org -user root -o -group root") == ""


def test_a_cycle_with_the_recorded_session_is_promoted_and_rolled_back(service: Machine) -> None:
    """The author's cell reaches the broker of another user, which replays what it was lent."""
    found = service.run("orgctl evolve --wait --json --record /var/lib/org/kept.jsonl", 300)
    log = "tail -n 30 /var/lib/org/logs/jury.log /var/lib/org/logs/supervisor.log"
    assert found.code == 0, (found.out, service.run(log).out)
    assert found.json["outcome"] == "promoted"
    assert health(service)["tag"] == "release/1"
    assert service.must("wc -l < /var/lib/org/kept.jsonl").strip() != "0"
    assert service.must("ls -I recent.jsonl /run/org-broker/spool") == ""
    service.must("orgctl rollback --yes")
    assert health(service)["tag"] == "release/0"
    assert service.run("orgctl verify --json").json["ok"]


def test_the_doctor_names_an_open_wall_and_its_remedy(service: Machine) -> None:
    """Rules that were flushed or loosened are found, and the remedy mends them."""
    accept = "nft insert rule inet org walls accept"
    for harm in ("nft flush ruleset", accept, "nft flush chain inet org walls"):
        service.must(harm)
        red = service.run("orgctl doctor --json")
        walls = next(one for one in red.json["checks"] if one["name"] == "walls")
        assert red.code == 1 and not walls["ok"], harm
        service.must(walls["remedy"])
        assert service.run("orgctl doctor").code == 0


def test_stop_in_the_middle_of_a_switch_is_completed_by_the_next_start(service: Machine) -> None:
    """Whatever moment `systemctl stop` finds, main, tag and port agree after `start`."""
    for target, seconds in (("release/1", 0.3), ("release/0", 0.8), ("release/1", 1.5)):
        service.must(f"(orgctl rollback --yes --to {target} >/dev/null 2>&1 &); sleep {seconds}")
        service.must("systemctl stop org.service")
        service.must("systemctl start org.service")
        ready(service)
        status = service.run("orgctl status --json").json
        assert health(service)["commit"] == status["slots"]["current"]["commit"]
        assert service.run("orgctl verify --json").json["ok"]
        assert status["promotion"] is None or status["promotion"]["state"] == "serving"
        if health(service)["tag"] != target:  # it was stopped before it began
            service.must(f"orgctl rollback --yes --to {target}")


def test_uninstalled_it_is_gone_and_the_instance_stays(service: Machine) -> None:
    """Installed again it serves the very same; --purge asks, and then nothing is left."""
    commit = health(service)["commit"]
    service.must("/srv/org/ops/install.sh --uninstall")
    assert service.run("ls /opt/org /etc/systemd/system/org* /usr/local/bin/orgctl").out == ""
    assert service.run("nft list table inet org").code != 0
    service.must("test -f /var/lib/org/state/instance.json")
    service.must("/srv/org/ops/install.sh --wheelhouse /srv/wheels")
    assert health(service)["commit"] == commit
    refused = service.run("/srv/org/ops/install.sh --purge")
    assert refused.code == 2 and "needs a yes" in refused.err
    service.must("/srv/org/ops/install.sh --purge --yes")
    assert service.run("ls -d /opt/org /var/lib/org /etc/org").out == ""
    assert service.run("id org").code != 0
