"""Runs one container from its order: descriptors in, output out, and its end as our own end.

Descriptors 90, 91 and 92: the order, what is known of the container, and one line when it runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import json
import os
import shutil
import signal
import socket
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, NotFound
from docker.types import LogConfig, Mount, Ulimit

from ops.cell_docker import INFO_FD, LABEL, ORDER_FD, STATE_BYTES_MAX, STATE_FD
from ops.cgroups import group_of
from ops.errors import Failed
from ops.loaded import ROOT
from ops.mounts import SYSTEM_LINKS

ENGINE_SECONDS = 60
TAKE_SECONDS = 20.0
SAMPLE_SECONDS = 0.05
DRAIN_SECONDS = 2.0
IMAGE = "org-cell"
FOLDERS = ("dev", "etc", "proc", "run", "sys", "tmp", "usr")
HAND = "/run/hand"  # the folder inside where the entry finds the descriptors' socket
ENTRY = "/run/hand-entry.py"
ENDED_EARLY = 125  # as docker's own client says it
PR_SET_PDEATHSIG = 1


def main(_: list[str]) -> int:
    order = json.loads(os.read(ORDER_FD, 2**20))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED_EARLY))
    if order["bound"]:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        client = docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), timeout=ENGINE_SECONDS)
        return _run(client, order)
    except (DockerException, OSError) as error:
        _say(INFO_FD, {"error": f"the docker engine failed: {_line(error)}"})
        return ENDED_EARLY


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _say(descriptor: int, what: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(descriptor, json.dumps(what).encode() + b"\n")


def _run(client: Any, order: dict[str, Any]) -> int:
    _sweep(client)
    hand = Path(tempfile.mkdtemp(prefix="org-hand-"))
    state: dict[str, Any] = {}
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(str(hand / "s"))
            door.listen(1)
            made = client.create_container(**_shape(client, order, hand))["Id"]
            code = _live(client, made, order, door, state)
    finally:
        with contextlib.suppress(NotFound):
            client.remove_container(order["name"], force=True, v=True)
        _keep(state | {"removed": True})
        shutil.rmtree(hand, ignore_errors=True)
    return code


def _live(
    client: Any, made: str, order: dict[str, Any], door: socket.socket, state: dict[str, Any]
) -> int:
    output = client.attach(made, stdout=True, stderr=True, stream=True, demux=True)
    copying = threading.Thread(target=_copy, args=(output,), daemon=True)
    copying.start()
    client.start(made)
    pid = int(client.inspect_container(made)["State"]["Pid"])
    watching = threading.Thread(target=_watch, args=(pid, state), daemon=True)
    watching.start()
    _say(INFO_FD, {"pid": pid})
    os.close(INFO_FD)
    if order["fds"]:
        _hand_over(door, order["fds"])
    code = int(client.wait(made, timeout=None)["StatusCode"])
    copying.join(DRAIN_SECONDS)
    watching.join(DRAIN_SECONDS)
    if client.inspect_container(made)["State"].get("OOMKilled"):
        state["refused"] = sorted({*state.get("refused", ()), "memory"})
    return code


def _hand_over(door: socket.socket, numbers: list[int]) -> None:
    """Our descriptors to the entry inside; it is the first to ask, before the command runs."""
    door.settimeout(TAKE_SECONDS)
    taker, _ = door.accept()
    with taker:
        socket.send_fds(taker, [b"."], numbers)


def _copy(output: Iterator[tuple[bytes | None, bytes | None]]) -> None:
    with contextlib.suppress(OSError):  # nobody reads any more: the command goes on unheard
        for pair in output:
            for descriptor, piece in enumerate(pair, start=1):
                while piece:
                    piece = piece[os.write(descriptor, piece) :]


def _shape(client: Any, order: dict[str, Any], hand: Path) -> dict[str, Any]:
    argv, mounts = list(order["argv"]), [(s, t, w) for s, t, w in order["mounts"]]
    if order["fds"]:
        mounts += [(str(hand), HAND, False), (str(ROOT / "ops/cell_entry.py"), ENTRY, False)]
        numbers = ",".join(map(str, order["fds"]))
        argv = ["python3", "-I", "-S", ENTRY, f"{HAND}/s", numbers, *argv]
    return {
        "image": _image(client),
        "name": order["name"],
        "entrypoint": argv,
        "environment": order["environment"],
        "working_dir": order["directory"],
        "hostname": "cell",
        "user": order["user"],
        "labels": {LABEL: str(os.getpid())},
        "host_config": client.create_host_config(**_walls(order, mounts)),
    }


def _walls(order: dict[str, Any], mounts: list[tuple[str, str, bool]]) -> dict[str, Any]:
    options = ["no-new-privileges"]
    options += [f"seccomp={order['filter']}"] if order["filter"] else []
    size = f"size={order['tmp_bytes']},mode=1777,exec"
    return {
        "network_mode": "none",
        "ipc_mode": "private",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": options,
        "mem_limit": order["memory_bytes"],
        "memswap_limit": order["memory_bytes"],
        "pids_limit": order["processes"],
        "shm_size": min(order["tmp_bytes"], order["memory_bytes"]),
        "tmpfs": {"/tmp": size, "/sys": "ro"},  # the engine would show the machine's
        "ulimits": [Ulimit(name=k, soft=v, hard=v) for k, v in order["per_process"].items()],
        "log_config": LogConfig(type=LogConfig.types.NONE),
        "mounts": [
            Mount(target=target, source=source, type="bind", read_only=not writable)
            for source, target, writable in mounts
        ],
    }


def _image(client: Any) -> str:
    """An image of empty folders and the system's links, made when the engine has it not yet."""
    data = _rootfs()
    name = f"{IMAGE}:{hashlib.sha256(data).hexdigest()[:12]}"
    if not client.images(name=name):
        repository, _, tag = name.partition(":")
        client.import_image_from_data(data, repository=repository, tag=tag)
    return name


def _rootfs() -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for folder in FOLDERS:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for link in filter(os.path.islink, SYSTEM_LINKS):
            entry = tarfile.TarInfo(link.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, str(Path(link).readlink())
            tar.addfile(entry)
    return held.getvalue()


def _sweep(client: Any) -> None:
    """Containers whose shim is gone: it was killed before it could end them."""
    for left in client.containers(all=True, filters={"label": LABEL}):
        if not Path("/proc", str(left["Labels"][LABEL])).exists():
            with contextlib.suppress(DockerException):
                client.remove_container(left["Id"], force=True, v=True)


def remove(name: str) -> None:
    """End a container whose shim was killed. Raises Failed when the engine does not."""
    try:
        client = docker.APIClient(base_url=os.environ.get("DOCKER_HOST"), timeout=ENGINE_SECONDS)
        with contextlib.suppress(NotFound):
            client.remove_container(name, force=True, v=True)
    except DockerException as error:
        text = f"the container {name} could not be ended: {_line(error)}"
        raise Failed(text, f"docker rm -f {name}") from error


# What it used


def _watch(pid: int, state: dict[str, Any]) -> None:
    """Looks until the container's group is gone; what is seen last is what is known."""
    group = group_of(pid)
    while group is not None and (seen := group.use()).cpu_seconds is not None:
        known = {key: value for key, value in vars(seen).items() if value is not None}
        state |= known | {"refused": sorted({*state.get("refused", ()), *seen.refused})}
        _keep(state)
        time.sleep(SAMPLE_SECONDS)


def _keep(state: dict[str, Any]) -> None:
    """Always of one size, written at once, so that a reader sees no half of it for long."""
    data = json.dumps(state).encode()
    os.pwrite(STATE_FD, data.ljust(STATE_BYTES_MAX), 0)
