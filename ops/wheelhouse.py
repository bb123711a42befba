"""A folder of wheels from which every environment of a lock can be made without a network."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import zipfile
from pathlib import Path

from ops.errors import Failed
from ops.loaded import ROOT
from ops.run import run

FILL_SECONDS = 600.0
LOCK = ROOT / "ops/requirements.lock"
STAMP = ".lock"  # the lock that it was filled for


def fill(folder: Path, lock: Path = LOCK) -> Path:
    """Every wheel that the lock names, by its hashes; at once when they are there."""
    key = hashlib.sha256(lock.read_bytes()).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / STAMP
    if stamp.exists() and stamp.read_text() == key:
        return folder
    for old in folder.glob("*.whl"):
        old.unlink()
    with tempfile.TemporaryDirectory() as place:
        _done([sys.executable, "-m", "venv", place], "no environment could be made")
        pip = [f"{place}/bin/python", "-m", "pip", "download", "--quiet", "--no-deps"]
        flags = ["--require-hashes", "--only-binary=:all:", "--disable-pip-version-check"]
        _done([*pip, *flags, "-r", str(lock), "-d", str(folder)], "the wheels cannot be had")
    stamp.write_text(key)
    return folder


def _done(argv: list[str], complaint: str) -> None:
    done = run(argv, seconds=FILL_SECONDS)
    if done.code != 0:
        raise Failed(f"{complaint}: {done.last_line}", "check that pip reaches a package registry")


def unpack_uv(folder: Path, target: Path) -> Path:
    """The program of uv's wheel, to make the first environment with."""
    wheel = next(iter(sorted(folder.glob("uv-*.whl"))), None)
    if wheel is None:
        raise Failed(f"{folder} holds no uv", "fill it with: boot.py ops.wheelhouse FOLDER")
    with zipfile.ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".data/scripts/uv"))
        target.write_bytes(archive.read(name))
    target.chmod(0o755)
    return target


def digest(folder: Path) -> str:
    """One hash over all wheels, names and bytes."""
    whole = hashlib.sha256()
    for wheel in sorted(folder.glob("*.whl")):
        whole.update(f"{wheel.name} {hashlib.sha256(wheel.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ops.wheelhouse")
    parser.add_argument("folder", type=Path)
    print(fill(parser.parse_args(argv).folder.absolute()))
    return 0
