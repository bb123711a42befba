"""The guest's image: system disk, kernel and initrd, with the hashes of all that went into it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import wheelhouse
from ops.errors import Failed, Refused
from ops.files import remove_tree, write_atomic
from ops.loaded import ROOT
from ops.run import run
from vm import initrd, rootfs

FILES = ROOT / "vm/guest"
DISK_BYTES = 4 * 2**30
DISK_SECONDS = 300.0
MODEL = "10.0.2.100:11434"  # where QEMU's one forward is seen from inside
UUID = "6f72672d-6775-6573-7400-000000000001"
MASKED = (  # these only cost boot time, or look for a network that is not there
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "systemd-timesyncd.service",
    "systemd-networkd-wait-online.service",
    "systemd-resolved.service",
    "nftables.service",  # its own file would flush the rules of org-walls.service
)
PLACED = {
    "agent.py": "usr/local/lib/org-agent.py",
    "org-agent.service": "etc/systemd/system/org-agent.service",
    "90-org.rules": "etc/udev/rules.d/90-org.rules",
    "org.network": "etc/systemd/network/10-org.network",
    "fstab": "etc/fstab",
    "journald.conf": "etc/systemd/journald.conf.d/org.conf",
    "console.conf": "etc/systemd/system/serial-getty@hvc0.service.d/org.conf",
}
Tell = Callable[[str, int], None]  # what is done now, and how many steps are done


@dataclass(frozen=True)
class Plan:
    """What to build: `repo` is a git checkout of org, `model` as HOST:PORT seen from inside."""

    folder: Path
    repo: Path
    model: str = MODEL

    @property
    def epoch(self) -> int:
        """When the repo's HEAD was made: the only time that the image knows."""
        done = run(["git", "-C", str(self.repo), "log", "-1", "--format=%ct"], seconds=60.0)
        if done.code != 0:
            raise Refused(f"{self.repo} is no git checkout of org", "name one with --repo")
        return int(done.stdout)


STEPS = 6


def build(plan: Plan, tell: Tell) -> dict[str, Any]:
    """`folder` gets system.img, vmlinuz, initrd.img and image.json. Raises Refused, Failed."""
    began, epoch = time.monotonic(), plan.epoch
    plan.folder.mkdir(parents=True, exist_ok=True)
    tell("wheels", 0)
    wheels = wheelhouse.fill(plan.folder / "wheels")
    tell("packages of Debian", 1)
    base = rootfs.make(plan.folder / "base", epoch)
    upper = plan.folder / "layer/upper"
    remove_tree(plan.folder / "layer")
    with rootfs.layered(base, upper) as root:
        tell("org", 2)
        _install(root, plan, wheels, epoch)
        tell("the guest's own files", 3)
        _furnish(root, plan.model, epoch)
        tell("kernel and initrd", 4)
        shutil.copyfile(root / "boot" / f"vmlinuz-{initrd.kernel(base)}", plan.folder / "vmlinuz")
        initrd.make(base, plan.folder / "initrd.img")
        tell("the disk", 5)
        _disk(root, plan.folder / "system.img", epoch)
    remove_tree(plan.folder / "layer")
    tell("done", STEPS)
    return _record(plan, base, wheels, time.monotonic() - began)


def _install(root: Path, plan: Plan, wheels: Path, epoch: int) -> None:
    """As on any machine, offline; the doors to the host's folders are gone afterwards."""
    for name, source in (("org", plan.repo), ("wheels", wheels)):
        (root / "srv" / name).mkdir()
        rootfs.bind(source, root / "srv" / name)
    try:
        argv = ["/srv/org/ops/install.sh", "--wheelhouse", "/srv/wheels", "--no-start"]
        rootfs.inside(root, *argv, "--llm", plan.model, "--listen", "0.0.0.0", epoch=epoch)
    finally:
        for name in ("org", "wheels"):
            run(["umount", str(root / "srv" / name)], seconds=60.0)
            (root / "srv" / name).rmdir()


def _furnish(root: Path, model: str, epoch: int) -> None:
    for name, place in PLACED.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes((FILES / name).read_bytes())
    (root / "etc/hostname").write_text("org\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost org\n")
    (root / "etc/machine-id").write_text("uninitialized\n")  # each guest gets its own
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("# host-only: there are no names\n")
    (root / "etc/org/guest.json").write_text(json.dumps({"model": model}) + "\n")
    for unit in MASKED:
        (root / "etc/systemd/system" / unit).unlink(missing_ok=True)
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    argv = ["systemctl", "enable", "systemd-networkd.service", "serial-getty@hvc0.service"]
    rootfs.inside(root, *argv, epoch=epoch)
    for left in ("var/cache/apt", "var/lib/apt/lists", "var/log", "var/lib/dpkg/info"):
        if left != "var/lib/dpkg/info":
            shutil.rmtree(root / left)
            (root / left).mkdir(parents=True)


def _disk(root: Path, target: Path, epoch: int) -> None:
    """An ext4 file system with the tree in it; no time in it is later than `epoch`."""
    for path in root.rglob("*"):
        if path.lstat().st_mtime > epoch:
            os.utime(path, (epoch, epoch), follow_symlinks=False)
    fresh = target.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with fresh.open("wb") as out:
        out.truncate(DISK_BYTES)
    argv = ["mke2fs", "-q", "-t", "ext4", "-L", "org-system", "-U", UUID, "-m", "1"]
    argv += ["-E", f"hash_seed={UUID},lazy_itable_init=1,root_owner=0:0", "-d", str(root)]
    environment = {**os.environ, "E2FSPROGS_FAKE_TIME": str(epoch), "SOURCE_DATE_EPOCH": str(epoch)}
    done = run([*argv, str(fresh)], seconds=DISK_SECONDS, environment=environment)
    if done.code != 0:
        raise Failed(f"no disk could be made: {done.last_line}", "apt-get install e2fsprogs")
    fresh.rename(target)


def _record(plan: Plan, base: Path, wheels: Path, seconds: float) -> dict[str, Any]:
    """What went in and what came out, by hash; written last, so that it names a whole image."""
    head = run(["git", "-C", str(plan.repo), "rev-parse", "HEAD"], seconds=60.0)
    outputs = {name: _hash(plan.folder / name) for name in ("system.img", "vmlinuz", "initrd.img")}
    stat = (plan.folder / "system.img").stat()
    record = {
        "inputs": {
            "org": head.stdout.decode().strip(),
            "packages": rootfs.digest(base),
            "wheels": wheelhouse.digest(wheels),
            "model": plan.model,
            "epoch": plan.epoch,
        },
        "outputs": outputs,
        "machine": os.uname().machine,
        "kernel": initrd.kernel(base),
        "disk_bytes": stat.st_blocks * 512,
        "seconds": round(seconds, 1),
    }
    write_atomic(plan.folder / "image.json", json.dumps(record, indent=1).encode())
    return record


def _hash(path: Path) -> str:
    """Of the data, not of its holes: a sparse file is read in long pieces."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
