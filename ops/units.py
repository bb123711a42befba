"""org as a service of a systemd machine: installed, taken away, started and stopped.

Everything is root's own and lies in /opt/org, beside the units; the instance is the user org's
and lies in /var/lib/org. Nothing here needs more than Python's own library.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from ops.errors import Failed, Refused
from ops.files import remove_tree, write_atomic
from ops.layout import SYSTEM_HOME, Layout
from ops.loaded import ROOT
from ops.run import run

PROGRAM = Path("/opt/org")
ETC = Path("/etc/org")
UNITS = Path("/etc/systemd/system")
WRAPPER = Path("/usr/local/bin/orgctl")
SYSUSERS, TMPFILES = Path("/etc/sysusers.d/org.conf"), Path("/etc/tmpfiles.d/org.conf")
SUFFIXES = (".service", ".socket", ".slice", ".timer")
SOCKETS = ("org.socket", "org-broker.socket")
TIMERS = ("org-verify.timer", "org-gc.timer", "org-backup.timer")
ENABLED = (*SOCKETS, "org-walls.service", "org.service", *TIMERS)
USERS = ("org", "org-broker")
STEPS_SECONDS = 600.0
BACKOFF_SYSTEMD = 254  # the first systemd that waits longer and longer by itself
BACKOFF = "[Service]\nRestartSteps=8\nRestartMaxDelaySec=120\n"
ORGCTL = f"""\
#!/bin/sh
exec {PROGRAM}/venv/bin/python -I {PROGRAM}/src/ops/boot.py ops.orgctl "$@"
"""
ANY = ("0.0.0.0", "*")


def booted() -> bool:
    """Whether systemd runs this machine, so that units can be started."""
    return Path("/run/systemd/system").is_dir()


def managed(layout: Layout) -> bool:
    """Whether the home is the installed service's, to be started and stopped by systemd."""
    return layout.home == SYSTEM_HOME and booted() and (UNITS / "org.service").exists()


def step(*argv: str) -> str:
    """Raises Failed with what the command said."""
    done = run(argv, seconds=STEPS_SECONDS, environment=dict(os.environ))
    if done.code != 0:
        raise Failed(f"{' '.join(argv[:3])} failed: {done.last_line}", "see: journalctl -xe")
    return done.stdout.decode("utf-8", "replace").strip()


def start() -> None:
    """The whole service, once it is ready."""
    step("systemctl", "start", *SOCKETS, "org.service")


def stop() -> None:
    """All of it, the ports too: else the next caller would start it again."""
    step("systemctl", "stop", "org.service", *SOCKETS, "org-broker.service")


def install(model: str | None, listen: str | None, wheels: Path | None) -> dict[str, Any]:
    """Put program, environment, users and units in place. Raises Failed, Refused."""
    _copy_program()
    _make_environment(wheels)
    _write_units(model, listen)
    _write_settings(model)
    wrapper = (
        f'#!/bin/sh\nexec {PROGRAM}/venv/bin/python -I {PROGRAM}/src/ops/boot.py ops.orgctl "$@"\n'
    )
    WRAPPER.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(WRAPPER, wrapper.encode(), 0o755)
    step("systemd-sysusers", str(SYSUSERS))
    step("systemctl", "enable", *ENABLED)
    if booted():
        step("systemd-tmpfiles", "--create", str(TMPFILES))
        step("systemctl", "daemon-reload")
    return {"program": str(PROGRAM), "home": str(SYSTEM_HOME), "booted": booted()}


def _copy_program() -> None:
    """The checkout's HEAD, with its history: the instance adopts it."""
    if not (ROOT / ".git").exists():
        raise Refused("this org has no history to adopt", "install from a git checkout of org")
    PROGRAM.mkdir(parents=True, exist_ok=True)
    fresh, place = PROGRAM / "src.new", PROGRAM / "src"
    remove_tree(fresh)
    clone = ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(fresh)]
    with tempfile.NamedTemporaryFile("w", suffix=".gitconfig") as trust:
        trust.write("[safe]\n\tdirectory = *\n")  # the checkout is the person's, we are root
        trust.flush()
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": trust.name}
        done = run(clone, seconds=STEPS_SECONDS, environment=environment)
    if done.code != 0:
        raise Failed(f"the program was not copied: {done.last_line}", "see: git status")
    if place.exists():
        place.rename(PROGRAM / "src.old")
    fresh.rename(place)
    remove_tree(PROGRAM / "src.old")
    step("/usr/bin/python3", "-m", "compileall", "-q", str(place))


def _make_environment(wheels: Path | None) -> None:
    """By the hash of the lock, from wheels kept here: releases are made from them as well."""
    from ops import venv, wheelhouse

    place = PROGRAM / "wheelhouse"
    if wheels is None:
        wheelhouse.fill(place)
    elif wheels.resolve() != place:
        shutil.copytree(wheels, place, dirs_exist_ok=True)
    (PROGRAM / "bin").mkdir(exist_ok=True)
    wheelhouse.unpack_uv(place, PROGRAM / "bin/uv")
    cache = PROGRAM / "cache"
    os.environ |= {
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(place),
        "UV_CACHE_DIR": str(cache),
        "PATH": f"{PROGRAM}/bin:{os.environ.get('PATH', '')}",
    }
    store = PROGRAM / "venvs"
    store.mkdir(exist_ok=True)
    lock = (PROGRAM / "src/ops/requirements.lock").read_bytes()
    python = venv.ensure(store, lock, Path("/usr/bin/python3").resolve())
    remove_tree(cache)
    link = PROGRAM / "venv.new"
    link.unlink(missing_ok=True)
    link.symlink_to(python.parent.parent.relative_to(PROGRAM))
    link.rename(PROGRAM / "venv")


def _write_units(model: str | None, listen: str | None) -> None:
    for unit in sorted((ROOT / "systemd").iterdir()):
        if unit.suffix in SUFFIXES:
            write_atomic(UNITS / unit.name, unit.read_bytes())
    for target, source in ((SYSUSERS, "org.sysusers"), (TMPFILES, "org.tmpfiles")):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, (ROOT / "systemd" / source).read_bytes())
    address = (model or "").rpartition(":")[0]
    if address.replace(".", "").isdecimal():
        _drop_in("org-broker.service", "model", f"[Service]\nIPAddressAllow={address}\n")
    elif model:  # a name may change its address; the rules of org-walls.service still hold
        _drop_in("org-broker.service", "model", "[Service]\nIPAddressDeny=\n")
    if listen:
        ports = "".join(f"ListenStream={listen}:{port}\n" for port in (7001, 7002))
        _drop_in("org.socket", "listen", f"[Socket]\nListenStream=\n{ports}")
        if listen in ANY:
            _drop_in("org.service", "listen", "[Service]\nIPAddressDeny=\n")
        else:
            _drop_in("org.service", "listen", f"[Service]\nIPAddressAllow={listen}\n")
    if int(step("systemctl", "--version").split()[1]) >= BACKOFF_SYSTEMD:
        _drop_in("org.service", "pause", BACKOFF)


def _drop_in(unit: str, name: str, text: str) -> None:
    folder = UNITS / f"{unit}.d"
    folder.mkdir(exist_ok=True)
    write_atomic(folder / f"{name}.conf", text.encode())


def _write_settings(model: str | None) -> None:
    """The machine's settings; an instance's own org.toml stands above them."""
    ETC.mkdir(exist_ok=True)
    path = ETC / "org.toml"
    if model or not path.exists():
        base = model or "127.0.0.1:11434"
        write_atomic(path, f'[model]\nbase = "http://{base}"\n'.encode())


def uninstall(purge: bool) -> dict[str, Any]:
    """Take the program and its units away; the instance only with `purge`."""
    if booted():
        run(
            ["systemctl", "disable", "--now", *ENABLED, "org-broker.service"], seconds=STEPS_SECONDS
        )
    for unit in sorted((ROOT / "systemd").iterdir()):
        (UNITS / unit.name).unlink(missing_ok=True)
        remove_tree(UNITS / f"{unit.name}.d")
        for wanted in UNITS.glob(f"*.wants/{unit.name}"):
            wanted.unlink()
    for path in (SYSUSERS, TMPFILES, WRAPPER):
        path.unlink(missing_ok=True)
    if booted():
        step("systemctl", "daemon-reload")
    remove_tree(PROGRAM)
    remove_tree(Path("/run/org-broker"))
    if purge:
        for folder in (SYSTEM_HOME, ETC, Path("/var/cache/org")):
            shutil.rmtree(folder, ignore_errors=True)
        for user in USERS:
            run(["userdel", user], seconds=STEPS_SECONDS)
    return {"home": str(SYSTEM_HOME), "kept": SYSTEM_HOME.exists()}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ops/install.sh")
    parser.add_argument("--llm", metavar="HOST:PORT", help="the one address that may be reached")
    parser.add_argument("--listen", metavar="ADDRESS", help="of :7001 and :7002, else loopback")
    parser.add_argument("--wheelhouse", type=Path, help="install without any network from it")
    parser.add_argument("--no-start", action="store_true")
    parser.add_argument("--uninstall", action="store_true", help="the instance stays")
    parser.add_argument("--purge", action="store_true", help="the instance goes too")
    flags = parser.parse_args(argv)
    if os.geteuid() != 0:
        raise Refused("only root may install a service", "run it with sudo")
    if flags.uninstall or flags.purge:
        found = uninstall(flags.purge)
    else:
        found = install(flags.llm, flags.listen, flags.wheelhouse)
        if booted() and not flags.no_start:
            print("starting org; the first start makes the instance", file=sys.stderr)
            step("systemctl", "start", *SOCKETS)  # callers wait there while the rest is renewed
            step("systemctl", "restart", "org-walls.service", "org-broker.service")
            step("systemctl", "restart", "org.service")
    print(json.dumps(found))
    return 0
