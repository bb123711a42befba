"""Which models a machine can hold: by its memory, by accelerators, and the nearest when not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops import hardware
from ops.errors import Refused
from ops.fitting import GIB, catalogue, checked, parsed, recommended
from ops.hardware import Accelerator, Hardware

ROOT = Path(__file__).resolve().parents[2]
LAPTOP = Hardware(16 * GIB)
STATION = Hardware(64 * GIB, (Accelerator("card", 24 * GIB),))
BOARD = Hardware(2 * GIB)


@pytest.mark.parametrize("machine", [LAPTOP, STATION, BOARD])
def test_what_is_recommended_fits(machine: Hardware) -> None:
    """Largest first; nothing too slow without an accelerator."""
    found = recommended(machine)
    assert found
    for one in found:
        assert one.where(machine) is not None
        assert one.where(machine) == "accelerator" or one.billions <= 16
    sizes = [one.billions for one in found]
    assert sizes == sorted(sizes, reverse=True)


def test_an_accelerator_counts() -> None:
    assert recommended(STATION)[0].billions > recommended(LAPTOP)[0].billions
    assert checked("qwen3:32b:q4_k_m", STATION).where(STATION) == "accelerator"


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ("qwen3:8b:f16", "qwen3:8b:q8_0"),
        ("qwen3:32b", "qwen3:14b:q4_k_m"),
        ("gpt-oss:120b", "gpt-oss:20b:mxfp4"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_nearest(asked: str, nearest: str) -> None:
    """Fewer bits first, then fewer parameters."""
    with pytest.raises(Refused) as caught:
        checked(asked, LAPTOP)
    assert caught.value.hint == f"the nearest that fits: {nearest}"
    name = caught.value.hint.partition("fits: ")[2]
    assert parsed(name).where(LAPTOP) is not None


@pytest.mark.parametrize(
    "asked", ["qwen3", "qwen3:huge", ":8b", "qwen3:8b:q99", "qwen3:8b-q99", ""]
)
def test_an_id_has_a_name_and_a_size(asked: str) -> None:
    with pytest.raises(Refused, match="name:size:quant"):
        parsed(asked)


def test_ids_are_read_as_people_write_them() -> None:
    """Also in Ollama's way, and for models that nobody listed."""
    assert parsed("qwen3:8b-q8_0").id == "qwen3:8b:q8_0"
    assert parsed("gpt-oss:20b").quant == "mxfp4"
    assert parsed("other:7B").id == "other:7b:q4_k_m"
    assert all(parsed(one.id) == one for one in catalogue())


@pytest.mark.parametrize(
    ("asked", "made", "billions"),
    [
        ("qwen3:30b-a3b", "qwen3:30b-a3b:q4_k_m", 30),
        ("qwen3:30b-a3b-instruct-2507-q8_0", "qwen3:30b-a3b-instruct-2507:q8_0", 30),
        ("qwen2.5-coder:7b-instruct-q4_K_M", "qwen2.5-coder:7b-instruct:q4_k_m", 7),
        ("gemma3:4b-it-qat", "gemma3:4b-it-qat:q4_k_m", 4),
        ("qwen3:8b:q4_k_s", "qwen3:8b:q4_k_s", 8),
        ("qwen3:0.6b-fp16", "qwen3:0.6b:fp16", 0.6),
        ("qwen3:8b:bf16", "qwen3:8b:bf16", 8),
    ],
)
def test_a_size_may_have_words_behind_it(asked: str, made: str, billions: float) -> None:
    """They stay in the id, and weigh nothing."""
    assert (parsed(asked).id, parsed(asked).billions) == (made, billions)
    assert parsed(made) == parsed(asked)


def test_accelerators_are_read_from_what_tools_say(tmp_path: Path) -> None:
    """nvidia-smi, rocm-smi, the kernel's files; rubbish is no accelerator."""
    said = "NVIDIA GeForce RTX 4090, 24564\nNVIDIA A100, 81920\nrubbish\n"
    assert [one.bytes // 2**20 for one in hardware.nvidia_rows(said)] == [24564, 81920]
    card = '{"card0": {"VRAM Total Memory (B)": "17163091968", "Card Series": "RX 7800"}}'
    assert hardware.rocm_cards(card) == [Accelerator("RX 7800", 17163091968)]
    assert hardware.rocm_cards("{broken") == []
    folder = tmp_path / "card1/device"
    folder.mkdir(parents=True)
    (folder / "mem_info_vram_total").write_text("8589934592\n")
    assert hardware._kernel(tmp_path) == [Accelerator("card1", 8 * GIB)]
    assert hardware.examine().memory_bytes > 0


# orgctl models recommend


def recommend(*arguments: str) -> tuple[int, str, str]:
    """Its exit code, what it said, and what it told on standard error."""
    argv = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl", "models", "recommend"]
    environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1"}
    done = subprocess.run([*argv, *arguments], capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout, done.stderr


def recommended_here(*arguments: str) -> dict[str, Any]:
    code, said, told = recommend("--json", *arguments)
    assert code == 0, told
    found = json.loads(said)
    assert isinstance(found, dict)
    return found


def test_orgctl_recommends_what_fits_this_machine() -> None:
    """The first of what fits, each with where and why; people see the same as a table."""
    found = recommended_here()
    here = hardware.examine()
    fits = recommended(here)
    assert [one["id"] for one in found["fits"]] == [one.id for one in fits]
    assert found["recommended"] == (fits[0].id if fits else None)
    assert found["memory_bytes"] == here.memory_bytes
    code, said, _ = recommend()
    assert code == 0
    for one, row in zip(found["fits"], said.splitlines()[2:], strict=True):
        assert row.split()[:2] == [one["id"], one["where"]] and one["why"] in row


def test_orgctl_names_the_nearest_that_fits() -> None:
    """One that fits is exit 0, one that does not exit 1; the nearest, asked for, then fits."""
    code, said, told = recommend("qwen3:235b:bf16000", "--json")
    assert code == 4 and "sizes of qwen3: 0.6b" in json.loads(said)["hint"], told
    code, said, told = recommend("qwen3:90000b:bf16", "--json")
    refused = json.loads(said)
    assert code == 1 and "does not fit: it needs" in refused["error"], told
    words, _, nearest = refused["hint"].rpartition(": ")
    assert words == "the nearest that fits"
    (fits,) = recommended_here(nearest)["fits"]
    assert (fits["id"], fits["where"] is not None) == (nearest, True)
    code, said, told = recommend("qwen3:90000b:bf16")
    assert (code, said) == (1, "")
    assert f"the nearest that fits: {nearest}" in told
