"""Which models this machine can run: `name:size:quant`, weighed against memory and accelerators."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ops.errors import Exit, Refused
from ops.hardware import Hardware

CATALOGUE = Path(__file__).parent / "models.toml"
GIB = 2**30
OVERHEAD_BYTES = GIB // 2  # of the server itself
CONTEXT_BYTES = GIB // 4  # of 8,192 tokens, for a model of one billion parameters
MEMORY_SHARE = 0.75  # the rest is for everything else on the machine
ACCELERATOR_SHARE = 0.92
CPU_BILLIONS_MAX = 16.0  # what is larger answers too slowly without an accelerator
BITS = {
    "q2_k": 3.0,
    "q3_k_m": 3.9,
    "mxfp4": 4.3,
    "q4_k_s": 4.6,
    "q4_0": 4.6,
    "q4_k_m": 4.9,
    "q5_k_m": 5.7,
    "q6_k": 6.6,
    "q8_0": 8.5,
    "f16": 16.0,
    "fp16": 16.0,
    "bf16": 16.0,
}
QUANT = "q4_k_m"
SIZE = re.compile(r"(\d+(?:\.\d+)?)([bm])")
# A size may have words of its kind behind it, `30b-a3b` or `7b-instruct`; then comes the quant.
TAG = re.compile(rf"({SIZE.pattern}(?:-[\w.]+)*?)(?:[-:]((?:i?q|mxfp|b?fp?)\d\w*))?")


@dataclass(frozen=True)
class Candidate:
    name: str
    size: str
    quant: str

    @property
    def id(self) -> str:
        return f"{self.name}:{self.size}:{self.quant}"

    @property
    def billions(self) -> float:
        found = SIZE.match(self.size)
        number = float(found[1]) if found else 0.0
        return number / 1000 if found and found[2] == "m" else number

    @property
    def bytes(self) -> int:
        """Weights, a context of 8,192 tokens, the server."""
        weights = self.billions * 1e9 * BITS[self.quant] / 8
        return int(weights + CONTEXT_BYTES * math.sqrt(self.billions) + OVERHEAD_BYTES)

    def where(self, hardware: Hardware) -> str | None:
        """accelerator or memory; None when it fits into neither."""
        if self.bytes <= hardware.accelerator_bytes * ACCELERATOR_SHARE:
            return "accelerator"
        return "memory" if self.bytes <= hardware.memory_bytes * MEMORY_SHARE else None

    def why(self, hardware: Hardware) -> str:
        need = f"needs {self.bytes / GIB:.1f} GiB"
        place = self.where(hardware)
        if place == "accelerator":
            return f"{need} of {hardware.accelerator_bytes / GIB:.1f} GiB on accelerators"
        if place == "memory":
            return f"{need} of {hardware.memory_bytes / GIB:.1f} GiB of memory"
        return f"{need}, more than there is"


@cache
def catalogue() -> tuple[Candidate, ...]:
    rows: list[dict[str, Any]] = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))["models"]
    return tuple(
        Candidate(row["name"], size, row.get("quant", QUANT))
        for row in rows
        for size in row["sizes"]
    )


def parsed(text: str) -> Candidate:
    """`name:size:quant`, or `name:size-words-quant` as Ollama writes it. Raises Refused."""
    name, _, rest = text.partition(":")
    tag = TAG.fullmatch(rest.lower())
    size, quant = (tag[1], tag[4]) if tag else ("", None)
    known = [one for one in catalogue() if one.name == name]
    default = known[0].quant if known else QUANT
    if not name or not size or (quant or default) not in BITS:
        sizes = ", ".join(one.size for one in known)
        hint = f"sizes of {name}: {sizes}" if known else "for example: qwen3:8b:q4_k_m"
        raise Refused(f"{text} is no model id of the form name:size:quant", hint, Exit.ABSENT)
    return Candidate(name, size, quant or default)


def recommended(hardware: Hardware) -> list[Candidate]:
    """What fits and is quick enough, the largest first."""
    quick = [one for one in catalogue() if one.where(hardware) and _quick(one, hardware)]
    return sorted(quick, key=lambda one: -one.billions)


def _quick(one: Candidate, hardware: Hardware) -> bool:
    return one.where(hardware) == "accelerator" or one.billions <= CPU_BILLIONS_MAX


def checked(text: str, hardware: Hardware) -> Candidate:
    """The model that was asked for. Raises Refused with the nearest that fits, when it does not."""
    asked = parsed(text)
    if asked.where(hardware) is not None:
        return asked
    nearest = next((one for one in _nearer(asked) if one.where(hardware)), None)
    hint = f"the nearest that fits: {nearest.id}" if nearest else "use a model elsewhere"
    raise Refused(f"{asked.id} does not fit: it {asked.why(hardware)}", hint, Exit.JUDGED_NO)


def _nearer(asked: Candidate) -> Iterator[Candidate]:
    """The same size in fewer bits, then smaller sizes, then any model."""
    fewer = sorted(
        (quant for quant in BITS if BITS[quant] < BITS[asked.quant]), key=BITS.__getitem__
    )
    yield from (Candidate(asked.name, asked.size, quant) for quant in reversed(fewer))
    own = [one for one in catalogue() if one.name == asked.name and one.billions < asked.billions]
    yield from sorted(own, key=lambda one: -one.billions)
    yield from sorted(catalogue(), key=lambda one: -one.billions)
