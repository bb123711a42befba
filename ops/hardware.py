"""What this machine can hold: memory, and the accelerators that tell of themselves."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from ops.errors import Trouble
from ops.run import run

ASK_SECONDS = 10.0
MIB = 2**20
DRM = Path("/sys/class/drm")


@dataclass(frozen=True)
class Accelerator:
    name: str
    bytes: int


@dataclass(frozen=True)
class Hardware:
    memory_bytes: int
    accelerators: tuple[Accelerator, ...] = ()

    @property
    def accelerator_bytes(self) -> int:
        return sum(one.bytes for one in self.accelerators)


def examine() -> Hardware:
    """As nvidia-smi, rocm-smi or the kernel's own files tell it."""
    found = _nvidia() or _rocm() or _kernel(DRM)
    return Hardware(int(psutil.virtual_memory().total), tuple(found))


def _said(*argv: str) -> str:
    """What a tool says; nothing when it is not there or fails."""
    if shutil.which(argv[0]) is None:
        return ""
    try:
        done = run(argv, seconds=ASK_SECONDS)
    except Trouble:
        return ""
    return done.stdout.decode("utf-8", "replace") if done.code == 0 else ""


def _nvidia() -> list[Accelerator]:
    wanted = ("--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
    return nvidia_rows(_said("nvidia-smi", *wanted))


def nvidia_rows(text: str) -> list[Accelerator]:
    """`NVIDIA RTX 4090, 24564` a line, in MiB."""
    rows = [line.rpartition(",") for line in text.splitlines()]
    return [
        Accelerator(name.strip(), int(size) * MIB)
        for name, _, size in rows
        if name and size.strip().isdigit()
    ]


def _rocm() -> list[Accelerator]:
    return rocm_cards(_said("rocm-smi", "--showmeminfo", "vram", "--showproductname", "--json"))


def rocm_cards(text: str) -> list[Accelerator]:
    try:
        cards = json.loads(text) if text else {}
    except ValueError:
        return []
    found = []
    for key, card in cards.items():
        size = card.get("VRAM Total Memory (B)") if isinstance(card, dict) else None
        if str(size).isdigit():
            found.append(Accelerator(str(card.get("Card Series") or key), int(str(size))))
    return found


def _kernel(folder: Path) -> list[Accelerator]:
    """AMD's driver writes the memory of each card into a file."""
    found = []
    for path in sorted(folder.glob("card*/device/mem_info_vram_total")):
        text = path.read_text(encoding="ascii", errors="replace").strip()
        if text.isdigit() and int(text) > 0:
            found.append(Accelerator(path.parts[-3], int(text)))
    return found
