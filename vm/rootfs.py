"""The guest's Debian tree: packages by mmdebstrap, then org on top, both natively in a chroot."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.errors import Failed, Refused
from ops.files import remove_tree
from ops.run import run

SUITE = "bookworm"
SOURCES = """\
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
"""
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "udev",
    "dbus",
    "libpam-systemd",
    "kmod",
    "util-linux",
    "e2fsprogs",
    "procps",
    "iproute2",
    "nftables",
    "python3",
    "git",
    "tmux",
    "bubblewrap",
    "openssh-client",
    "ca-certificates",
)
KERNELS = {"x86_64": "linux-image-cloud-amd64", "aarch64": "linux-image-cloud-arm64"}
LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
DEBOOTSTRAP_SECONDS = 900.0
INSTALL_SECONDS = 600.0
MADE = "etc/org-packages"  # written last: which packages, in which versions


def packages() -> tuple[str, ...]:
    """Raises Refused on a machine of another kind."""
    machine = os.uname().machine
    if machine not in KERNELS:
        raise Refused(f"no guest is made for {machine}", f"use one of: {', '.join(KERNELS)}")
    return (*PACKAGES, KERNELS[machine])


def make(target: Path, epoch: int) -> Path:
    """The packages alone, at once when they are there. Raises Failed, Refused."""
    if (target / MADE).exists():
        return target
    if os.geteuid() != 0:
        raise Refused("only root can make a guest's file system", "run it with sudo")
    if shutil.which("mmdebstrap") is None:
        raise Refused("mmdebstrap is not installed", "apt-get install mmdebstrap")
    remove_tree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    flags += ['--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"']
    argv = ["mmdebstrap", "--variant=minbase", "--format=directory", "--quiet", *flags]
    argv += [f"--include={','.join(packages())}", SUITE, str(target), "-"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    done = run(argv, seconds=DEBOOTSTRAP_SECONDS, stdin=SOURCES.encode(), environment=environment)
    if done.code != 0:
        raise Failed(f"mmdebstrap failed: {done.last_line}", "check that apt-get update works")
    (target / MADE).write_bytes(versions(target))
    return target


def versions(root: Path) -> bytes:
    """Each package with its version, sorted."""
    query = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W"]
    return run(query, seconds=60.0).stdout


def digest(root: Path) -> str:
    return hashlib.sha256((root / MADE).read_bytes()).hexdigest()


@contextmanager
def layered(base: Path, upper: Path) -> Iterator[Path]:
    """`base` with changes kept in `upper` alone, mounted while inside."""
    root, work = upper.with_name("merged"), upper.with_name("work")
    for folder in (upper, root, work):
        folder.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={base},upperdir={upper},workdir={work}"
    _mount("-t", "overlay", "-o", options, "overlay", str(root))
    try:
        yield root
    finally:
        run(["umount", str(root)], seconds=60.0)


def bind(source: Path, target: Path) -> None:
    """`source` appears, read-only, at `target`, until it is unmounted."""
    _mount("--bind", "-o", "ro", str(source), str(target))


def _mount(*arguments: str) -> None:
    done = run(["mount", *arguments], seconds=60.0)
    if done.code != 0:
        raise Failed(f"mount failed: {done.last_line}", "run it as root, on a machine of your own")


def inside(root: Path, *argv: str, epoch: int) -> str:
    """Run it in the tree, in namespaces of its own with no network. Raises Failed."""
    script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
    walls = ["unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child"]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}
    environment |= {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONDONTWRITEBYTECODE": "1"}
    done = run(
        [*walls, "sh", "-c", script, str(root), *argv],
        seconds=INSTALL_SECONDS,
        environment=environment,
    )
    if done.code != 0:
        raise Failed(f"{argv[0]} failed in the guest's tree: {done.last_line}", "see above")
    return done.stdout.decode("utf-8", "replace")
