"""The wheel holds what the tree holds, under one private package, and its orgctl runs."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("ops", "fitness", "daemon", "systemd", "vm")
UV = [sys.executable, "-m", "uv"]
OURS = frozenset({"daemon", "ops", "fitness", "vm", "org"})


def tracked() -> set[str]:
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *ROOMS],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {name for name in out.split() if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # No isolation: what builds it is in the environment, so no registry is asked.
    argv = [*UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--out-dir", str(folder)]
    subprocess.run([*argv, str(ROOT)], check=True, env={**os.environ, "VIRTUAL_ENV": sys.prefix})
    return next(folder.glob("*.whl"))


def test_the_wheel_is_the_tree_under_one_package(wheel: Path) -> None:
    """Every file of the rooms, prompts and sessions too, and nothing beside `org`."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in names} == {"org"}
    assert {name.removeprefix("org/") for name in names} == tracked()


def test_the_installed_orgctl_runs(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, from anywhere, with its own code first."""
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env/bin/python"
    argv = [*UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python)]
    subprocess.run([*argv, str(wheel)], check=True)
    site = next((tmp_path / "env/lib").glob("python*/site-packages"))
    mine = next(Path(entry) for entry in sys.path if entry.endswith("site-packages"))
    (site / "here.pth").write_text(f"{mine}\n")  # the dependencies, without installing them again
    done = subprocess.run(
        [str(tmp_path / "env/bin/orgctl"), "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "evolve" in done.stdout


def test_no_dependency_needs_a_stranger_with_our_names() -> None:
    """A package `daemon` or `ops` from a registry would be shadowed by ours, and break."""
    for distribution in distributions():
        top = (distribution.read_text("top_level.txt") or "").split()
        needs = {line.split()[0].split(";")[0].lower() for line in distribution.requires or ()}
        assert not OURS & {*top, *needs}, distribution.metadata["Name"]


def test_the_lock_covers_what_is_declared() -> None:
    """Each dependency of pyproject.toml is in the lock, with hashes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lock = (ROOT / "ops/requirements.lock").read_text().lower()
    for line in wanted:
        name = line.split(";")[0].split("[")[0].strip().lower()
        for sign in "<>=~! ":
            name = name.split(sign)[0]
        assert f"\n{name}==" in f"\n{lock}", name
    pins = [line for line in lock.splitlines() if line and line[0] not in " #"]
    assert all("==" in line for line in pins)
    assert lock.count("--hash=sha256:") >= len(pins)
