"""The guest's own Debian tree, wheels and a repo of org: made once, used by all tests here."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import wheelhouse
from tests.guest.real_systemd import Machine, machine
from tests.journeys.instance import slim_org
from vm import image, rootfs

EPOCH = 1_700_000_000


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder on a real disk, removed afterwards; ORG_TEST_GUEST names one that is kept."""
    kept = os.environ.get("ORG_TEST_GUEST")
    folder = Path(kept or tempfile.mkdtemp(prefix="org-guest-", dir="/var/tmp"))
    folder.mkdir(exist_ok=True)
    yield folder
    if not kept:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def base(place: Path) -> Path:
    """Debian with the packages that org needs, and nothing of org; the image is made of it too."""
    return rootfs.make(place / "image/base", EPOCH)


@pytest.fixture(scope="session")
def shared(place: Path) -> Path:
    """`org`, a repo with few tests, for machines that are slow; `wheels`."""
    folder = place / "shared"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "org").mkdir(parents=True)
    slim_org(folder / "org")
    wheels = wheelhouse.fill(place / "image/wheels")
    shutil.copytree(wheels, folder / "wheels", copy_function=os.link)
    return folder


@pytest.fixture(scope="session")
def made(place: Path, base: Path, shared: Path) -> Path:
    """The guest's image, built once for all tests."""
    plan = image.Plan(base.parent, shared / "org")
    record = image.build(plan, lambda what, done: print(f"{done}/{image.STEPS} {what}"))
    print(json.dumps(record))
    return base.parent


@pytest.fixture(scope="module")
def service(base: Path, shared: Path, place: Path) -> Iterator[Machine]:
    """A machine with a real systemd on which org was installed as a service, offline."""
    with machine(base, shared, place / "console.log") as booted:
        booted.must("/srv/org/ops/install.sh --wheelhouse /srv/wheels")
        yield booted
