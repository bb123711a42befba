"""How QEMU is called: the machine, its disks, its one card, and the lines to the host."""

from __future__ import annotations

import os
import select
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from ops.errors import Refused
from ops.processes import Child, spawn
from vm.initrd import PROBED

PROBE_SECONDS = 10.0
PROBE_BYTES_MAX = 2**20
MEMORY_MIB = 2048
FORWARD = "10.0.2.100:11434"  # the host's model server, as the guest sees it
MACHINES = {
    "x86_64": ("qemu-system-x86_64", "q35", "ttyS0"),
    "aarch64": ("qemu-system-aarch64", "virt", "ttyAMA0"),
}
KVM = ("-accel", "kvm", "-cpu", "host")
EMULATION = ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max")
# Names within the machine's folder, which is QEMU's working directory: socket paths stay short.
EXEC, CONSOLE, MONITOR, SERIAL = "exec.sock", "console.sock", "monitor.sock", "serial.log"
SYSTEM, STATE = "system.qcow2", "state.qcow2"


@dataclass(frozen=True)
class Machine:
    """`ports` are the host's for :7001 and :7002; `model` is HOST:PORT of the host, or nothing."""

    folder: Path
    image: Path
    ports: tuple[int, int]
    model: str
    cpus: int = 2
    memory_mib: int = MEMORY_MIB
    restricted: bool = True  # only a test that has a network of its own opens it


def program() -> tuple[str, str, str]:
    """QEMU, the kind of machine, and its serial line. Raises Refused."""
    kind = os.uname().machine
    if kind not in MACHINES:
        raise Refused(f"no guest runs on {kind}", f"use one of: {', '.join(MACHINES)}")
    found = MACHINES[kind]
    if shutil.which(found[0]) is None:
        raise Refused("QEMU is not installed", f"apt-get install {found[0].replace('_', '-')}")
    return found


def argv(machine: Machine, accelerator: tuple[str, ...]) -> list[str]:
    name, kind, serial = program()
    line = f"console={serial} root=/dev/vda rw quiet panic=5 systemd.show_status=no"
    return [
        *(name, "-name", "org", "-M", kind, *accelerator),
        *("-smp", str(machine.cpus), "-m", str(machine.memory_mib)),
        *("-nodefaults", "-display", "none", "-serial", f"file:{SERIAL}"),
        *("-kernel", str(machine.image / "vmlinuz"), "-append", line),
        *("-initrd", str(machine.image / "initrd.img")),
        *_disk(SYSTEM, "system"),
        *_disk(STATE, "org-state"),
        *("-device", "virtio-serial-pci", "-device", "virtio-rng-pci"),
        *_line("exec", EXEC, "virtserialport"),
        *_line("console", CONSOLE, "virtconsole"),
        *_card(machine),
        *("-qmp", f"unix:{MONITOR},server=on,wait=off"),
    ]


def _disk(name: str, serial: str) -> list[str]:
    """QEMU's own cache mode for people: written when the guest says flush, not before."""
    drive = f"file={name},if=none,id={serial},format=qcow2,cache=writeback,discard=unmap"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={serial},serial={serial}"]


def _line(name: str, socket: str, kind: str) -> list[str]:
    device = f"{kind},chardev={name},name=org.{name}"
    return ["-chardev", f"socket,id={name},path={socket},server=on,wait=off", "-device", device]


def _card(machine: Machine) -> list[str]:
    """Nothing passes but what is named: two ports in, one address out, a process a connection."""
    net = f"user,id=net,ipv6=off,restrict={'on' if machine.restricted else 'off'}"
    for host, guest in zip(machine.ports, (7001, 7002), strict=True):
        net += f",hostfwd=tcp:127.0.0.1:{host}-:{guest}"
    if machine.model:
        net += f",guestfwd=tcp:{FORWARD}-cmd:{shutil.which('socat')} - TCP:{machine.model}"
    return ["-netdev", net, "-device", "virtio-net-pci,netdev=net"]


def accelerator(image: Path, folder: Path) -> tuple[str, ...]:
    """KVM where a guest really runs under it: that a device opens proves nothing."""
    if os.access("/dev/kvm", os.R_OK | os.W_OK) and _probe(image, folder):
        return KVM
    return EMULATION


def _probe(image: Path, folder: Path) -> bool:
    """Boot the initrd alone, which says a word and turns the machine off."""
    name, kind, serial = program()
    said = folder / "probe.log"
    said.unlink(missing_ok=True)
    command = [name, "-M", kind, *KVM, "-m", "128", "-nodefaults", "-display", "none"]
    command += ["-no-reboot", "-kernel", str(image / "vmlinuz")]
    command += ["-initrd", str(image / "initrd.img"), "-serial", f"file:{said}"]
    command += ["-append", f"console={serial} org.probe panic=-1"]
    child = spawn(command, environment=dict(os.environ), directory=folder)
    try:
        return _says(child, said)
    finally:
        child.kill()
        child.close()


def _says(child: Child, said: Path) -> bool:
    deadline = time.monotonic() + PROBE_SECONDS
    while time.monotonic() < deadline:
        if said.exists() and PROBED.encode() in said.read_bytes()[:PROBE_BYTES_MAX]:
            return True
        if child.poll() is not None:
            return False
        select.select([], [], [], 0.1)  # a file that grows has no event to wait for
    return False
