"""The recipes for other hypervisors, as far as they can be checked without running these."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "vm/recipes"
pytestmark = pytest.mark.guest


def said(*argv: str | Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def read_yaml(name: str) -> dict[str, Any]:
    """By the system's Python, whose cloud-init brings a reader."""
    code = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
    found: dict[str, Any] = json.loads(said("/usr/bin/python3", "-c", code, RECIPES / name))
    return found


@pytest.mark.parametrize("kind", ["network", "domain"])
def test_libvirt_knows_the_shape(kind: str) -> None:
    """Against libvirt's own schema."""
    path = RECIPES / f"libvirt-{kind}.xml"
    assert "validates" in said("virt-xml-validate", path, kind)


def test_the_libvirt_network_leads_nowhere() -> None:
    text = (RECIPES / "libvirt-network.xml").read_text()
    assert "<forward" not in text and '<dns enable="no"/>' in text


def test_cloud_init_knows_the_shape() -> None:
    """User data by cloud-init's own schema."""
    assert "Valid" in said("cloud-init", "schema", "--config-file", RECIPES / "user-data.yaml")


def test_the_host_only_network_has_no_gateway() -> None:
    """The machine has one address, and no way on."""
    (card,) = read_yaml("network-config.yaml")["ethernets"].values()
    assert card["addresses"] == ["192.168.56.10/24"]
    assert not {"gateway4", "routes", "nameservers"} & card.keys()


def test_virtualbox_gets_one_host_only_card() -> None:
    """Said by the script's own dry run; VirtualBox itself is not run here."""
    dry = said(RECIPES / "virtualbox.sh", "--dry-run", "a.vdi", "b.iso", "c.iso")
    assert "--nic1 hostonly" in dry and "--nic2 none" in dry
    assert "nat" not in dry.split() and "bridged" not in dry


def test_lima_has_both_architectures() -> None:
    """Its keys are those of Lima's template; Lima itself is not run here."""
    lima = read_yaml("lima.yaml")
    assert {one["arch"] for one in lima["images"]} == {"aarch64", "x86_64"}
    assert {one["guestPort"] for one in lima["portForwards"]} == {7001, 7002}
    assert "ops/install.sh" in lima["provision"][0]["script"]
