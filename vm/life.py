"""A guest's life on this host: up, down, what it is doing, snapshots."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from ops.errors import Exit, Failed, Refused
from ops.files import write_atomic
from ops.lease import hold
from ops.processes import Child, port_holder, spawn
from ops.run import run
from vm import guest_line, monitor, qemu
from vm.qemu import Machine

STATE_BYTES = 16 * 2**30
TOOL_SECONDS = 60.0
BOOT_SECONDS = 900.0  # an emulated guest on a busy machine
START_SECONDS = 15.0
DOWN_SECONDS = 180.0
GONE_SECONDS = 10.0
RECORD, LEASE, LOG = "vm.json", "vm.lease", "qemu.log"
SERVING = ("running", "degraded")


def up(machine: Machine) -> dict[str, Any]:
    """Boot it, and wait until its units are there. At once when it runs. Raises Refused, Failed."""
    folder = machine.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with hold(folder / LEASE, "starting the guest"):
        if (found := status(folder))["state"] == "running":
            return found
        child = start(machine)
        began = time.monotonic()
        try:
            said = guest_line.booted(folder / qemu.EXEC, BOOT_SECONDS)
        except (Refused, Failed):
            child.kill()
            raise
        found = {"system": said.out.strip(), "boot_s": round(time.monotonic() - began, 1)}
        return status(folder) | found


def start(machine: Machine) -> Child:
    """QEMU, and nothing waited for but that it runs. Raises Refused, Failed."""
    folder = machine.folder
    if not (machine.image / "image.json").exists():
        raise Refused(f"no image at {machine.image}", "make one with: orgctl vm build", Exit.ABSENT)
    for port in machine.ports:
        if (holder := port_holder(port)) is not None:
            raise Refused(f"port {port} is taken by {holder}", "name others: --ports A,B")
    renewed = _disks(machine)
    accelerator = qemu.accelerator(machine.image, folder)
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    for name in (qemu.EXEC, qemu.CONSOLE, qemu.MONITOR):
        (folder / name).unlink(missing_ok=True)
    argv = qemu.argv(machine, accelerator)
    try:
        child = spawn(argv, environment=dict(os.environ), output=log, directory=folder)
    finally:
        os.close(log)
    deadline = time.monotonic() + START_SECONDS
    while not (folder / qemu.MONITOR).exists():
        if child.wait(0.05) is not None or time.monotonic() > deadline:
            said = (folder / LOG).read_text(errors="replace").strip().splitlines()
            raise Failed(f"QEMU ended: {said[-1] if said else 'without a word'}", "see its log")
    record = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in asdict(machine).items()
    }
    record |= {"pid": child.pid, "accelerator": accelerator[1].split(",")[0], "renewed": renewed}
    write_atomic(folder / RECORD, json.dumps(record).encode(), 0o600)
    return child


def _disks(machine: Machine) -> bool:
    """A layer over the image, made anew with a new image; the instance's disk is kept.

    Says whether a system disk was there and was renewed.
    """
    folder, image = machine.folder, machine.image / "system.img"
    if shutil.which("qemu-img") is None:
        raise Refused("qemu-img is not installed", "apt-get install qemu-utils")
    digest = json.loads((machine.image / "image.json").read_bytes())["outputs"]["system.img"]
    system, state, made = folder / qemu.SYSTEM, folder / qemu.STATE, folder / "system.sha256"
    old = made.read_text() if made.exists() and system.exists() else None
    if old != digest:
        system.unlink(missing_ok=True)
        _qemu_img("create", "-q", "-f", "qcow2", "-b", str(image), "-F", "raw", str(system))
        write_atomic(made, digest.encode())
    if not state.exists():
        _qemu_img("create", "-q", "-f", "qcow2", str(state), str(STATE_BYTES))
    return old not in (None, digest)


def _qemu_img(*arguments: str) -> None:
    done = run(["qemu-img", *arguments], seconds=TOOL_SECONDS)
    if done.code != 0:
        raise Failed(f"qemu-img failed: {done.last_line}", "is there room on the disk?")


def status(folder: Path) -> dict[str, Any]:
    """`state` is running or down; what it was started with is told while it runs."""
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_bytes())
    except FileNotFoundError:
        return {"state": "down", "folder": str(folder)}
    if not _alive(record["pid"]):
        return {"state": "down", "folder": str(folder)}
    wall = "on" if record["restricted"] else "off"
    return {"state": "running", **record, "folder": str(folder), "restrict": wall}


def _alive(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "qemu" in process.name()
    except psutil.Error:
        return False


def down(folder: Path, force: bool) -> dict[str, Any]:
    """Ask the guest to power off; pull the plug when it does not, or when `force` says so."""
    found = status(folder)
    if found["state"] == "down":
        raise Refused("no guest runs here", "start it with: orgctl vm up", Exit.DOWN)
    process = psutil.Process(found["pid"])
    how = "powered off"
    if not force:
        monitor.ask(folder / qemu.MONITOR, "system_powerdown")
    try:
        process.wait(0 if force else DOWN_SECONDS)
    except psutil.TimeoutExpired:
        how = "the plug was pulled"
        process.kill()
        process.wait(GONE_SECONDS)
    return {"state": "down", "folder": str(folder), "how": how}


def snapshot(folder: Path, name: str) -> dict[str, Any]:
    """Memory and both disks, as they are now."""
    monitor.human(folder / qemu.MONITOR, f"savevm {_plain(name)}")
    return {"snapshot": name, "snapshots": snapshots(folder)}


def revert(folder: Path, name: str) -> dict[str, Any]:
    """Back to a snapshot, while it runs; only the clock goes on."""
    monitor.human(folder / qemu.MONITOR, f"loadvm {_plain(name)}")
    with guest_line.GuestLine(folder / qemu.EXEC) as line:
        line.run(["date", "-s", f"@{int(time.time())}"])
    return {"snapshot": name, "state": "reverted"}


def snapshots(folder: Path) -> list[str]:
    listed = monitor.human(folder / qemu.MONITOR, "info snapshots").splitlines()
    return [row.split()[1] for row in listed if row.startswith("--")]


def _plain(name: str) -> str:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise Refused(f"{name!r} is no name for a snapshot", "use letters, digits, - and _")
    return name
