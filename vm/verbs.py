"""The verbs of the guest: each acts on one folder, and says what it found in lines or JSON."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops.errors import Exit, Refused
from ops.loaded import ROOT
from vm import console, guest_line, image, life, prove, qemu

LOG_LINES = 200
LOG_BYTES_MAX = 2**18
COMMAND_SECONDS = 3600.0
Found = dict[str, Any]


def main(argv: list[str]) -> int:
    flags = _parser().parse_args(argv)
    verb: Callable[[argparse.Namespace], Found | int] = flags.run
    found = verb(flags)
    if isinstance(found, int):
        return found
    print(json.dumps(found, indent=1) if flags.json else "\n".join(_lines(found)))
    return Exit.DOWN if flags.verb == "status" and found["state"] == "down" else Exit.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vm")
    parser.add_argument("--folder", type=Path, required=True, help="image and machine lie in it")
    parser.add_argument("--json", action="store_true")
    verbs = parser.add_subparsers(dest="verb", required=True)

    def verb(
        name: str, run: Callable[[argparse.Namespace], Found | int]
    ) -> argparse.ArgumentParser:
        added = verbs.add_parser(name)
        added.set_defaults(run=run)
        return added

    made = verb("build", build)
    made.add_argument("--repo", type=Path, default=ROOT)
    made.add_argument("--model", default=image.MODEL)
    started = verb("up", up)
    started.add_argument("--llm", default="127.0.0.1:11434")
    started.add_argument("--ports", default="7001,7002")
    started.add_argument("--cpus", type=int, default=2)
    started.add_argument("--memory", type=int, default=qemu.MEMORY_MIB)
    verb("down", down).add_argument("--force", action="store_true")
    verb("status", status)
    verb("shell", shell).add_argument("command", nargs="*")
    verb("attach", attach)
    verb("logs", logs).add_argument("--console", action="store_true")
    verb("prove", prove_walls)
    verb("snapshot", snapshot).add_argument("name", nargs="?")
    verb("revert", revert).add_argument("name")
    return parser


def _lines(found: Found) -> list[str]:
    return [f"{key:<12} {value}" for key, value in found.items() if not isinstance(value, dict)]


def machine_of(folder: Path) -> Path:
    return folder / "machine"


def build(flags: argparse.Namespace) -> Found:
    """Shows a bar while it works; sizes and times are in the answer."""
    from rich.console import Console
    from rich.progress import Progress

    plan = image.Plan(flags.folder / "image", flags.repo.absolute(), flags.model)
    with Progress(console=Console(stderr=True), disable=flags.json) as progress:
        task = progress.add_task("the guest", total=image.STEPS)

        def tell(what: str, done: int) -> None:
            progress.update(task, description=what, completed=done)
            if not flags.json and not progress.console.is_terminal:
                print(f"{done}/{image.STEPS} {what}", file=sys.stderr, flush=True)

        record = image.build(plan, tell)
    mib = record["disk_bytes"] // 2**20
    return record | {"image": str(plan.folder), "size": f"{mib} MiB", "next": "orgctl vm up"}


def up(flags: argparse.Namespace) -> Found:
    ports = tuple(int(port) for port in flags.ports.split(",") if port.isdecimal())
    if len(ports) != 2:
        raise Refused(f"--ports {flags.ports} is not two numbers", "for example: --ports 7001,7002")
    host, colon, port = flags.llm.rpartition(":")
    if flags.llm and not (colon and host and port.isdecimal()):
        raise Refused(f"--llm {flags.llm} is no address", "for example: --llm 127.0.0.1:11434")
    machine = qemu.Machine(
        machine_of(flags.folder).absolute(),
        (flags.folder / "image").absolute(),
        (ports[0], ports[1]),
        flags.llm,
        flags.cpus,
        flags.memory,
    )
    print("booting; emulated machines take a minute or more", file=sys.stderr)
    found = life.up(machine)
    print(f"it runs under {found['accelerator']}", file=sys.stderr)
    return found


def down(flags: argparse.Namespace) -> Found:
    return life.down(machine_of(flags.folder), flags.force)


def status(flags: argparse.Namespace) -> Found:
    folder = machine_of(flags.folder)
    found = life.status(folder)
    if found["state"] == "running":
        with guest_line.GuestLine(folder / qemu.EXEC) as line:
            said = line.run(["systemctl", "show", "-P", "StatusText", "org.service"])
            found["org"] = said.out.strip() or said.err.strip()
    return found


def shell(flags: argparse.Namespace) -> int:
    """A command's output and exit code; without one, the guest's console."""
    folder = machine_of(flags.folder)
    if not flags.command:
        return console.open_console(folder / qemu.CONSOLE)
    with guest_line.GuestLine(folder / qemu.EXEC) as line:
        said = line.run(["sh", "-c", shlex.join(flags.command)], COMMAND_SECONDS)
    sys.stdout.write(said.out)
    sys.stderr.write(said.err)
    return said.code


def attach(flags: argparse.Namespace) -> int:
    """The guest's own tmux session, on the guest's console."""
    folder = machine_of(flags.folder)
    return console.open_console(folder / qemu.CONSOLE, "orgctl attach")


def logs(flags: argparse.Namespace) -> int:
    folder = machine_of(flags.folder)
    if flags.console:
        with (folder / qemu.SERIAL).open("rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_BYTES_MAX))
            text = log.read().decode("utf-8", "replace")
    else:
        argv = ["journalctl", "--no-pager", "-n", str(LOG_LINES), "-u", "org*"]
        with guest_line.GuestLine(folder / qemu.EXEC) as line:
            text = line.run(argv).out
    from ops.render import safe

    print("\n".join(safe(row) for row in text.splitlines()))
    return 0


def prove_walls(flags: argparse.Namespace) -> int:
    """Every way out that we know, tried by root, org, the broker and a cell."""
    with guest_line.GuestLine(machine_of(flags.folder) / qemu.EXEC) as line:
        table = prove.ways(line)
    print(json.dumps(table, indent=1) if flags.json else "\n".join(prove.lines(table)))
    found = prove.escapes(table)
    for escape in found:
        print(f"a way out: {escape}", file=sys.stderr)
    return Exit.JUDGED_NO if found else Exit.DONE


def snapshot(flags: argparse.Namespace) -> Found:
    """Without a name: those that there are."""
    folder = machine_of(flags.folder)
    if flags.name is None:
        return {"snapshots": life.snapshots(folder)}
    return life.snapshot(folder, flags.name)


def revert(flags: argparse.Namespace) -> Found:
    return life.revert(machine_of(flags.folder), flags.name)
