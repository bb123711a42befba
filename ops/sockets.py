"""Listening sockets and line-wise talk, with unix socket paths of any length."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ops.errors import Exit, Failed, Refused
from ops.processes import port_holder

CONNECT_SECONDS = 2.0
LINE_BYTES_MAX = 64 * 2**20
CHUNK_BYTES = 65536
PACKET_BYTES_MAX = 2**16
PACKET_FDS_MAX = 4


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A name for `path` that is short while inside, by way of its folder's descriptor."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def connect_unix(path: Path, seconds: float) -> socket.socket:
    """Raises Refused (daemon not running) when nobody answers there."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(seconds)
    try:
        with short_path(path) as name:
            connected.connect(name)
    except OSError as error:
        connected.close()
        raise Refused(f"nobody answers at {path}", "start it with: orgctl up", Exit.DOWN) from error
    return connected


def bind_unix(path: Path, mode: int = 0o600) -> socket.socket:
    """A bound socket (not yet listening). A dead socket file is replaced, a live one refused."""
    if path.is_symlink() or (path.exists() and not stat.S_ISSOCK(path.lstat().st_mode)):
        raise Refused(f"{path} is in the way", "remove it")
    with contextlib.suppress(Refused):
        connect_unix(path, CONNECT_SECONDS).close()
        raise Failed(f"somebody answers at {path} already", "see: orgctl status", Exit.BUSY)
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with short_path(path) as name:
            bound.bind(name)
    finally:
        os.umask(before)
    path.chmod(mode)
    return bound


def listen_tcp(host: str, port: int, backlog: int) -> socket.socket:
    """A listening socket. Raises Refused naming who has the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(backlog)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            holder = port_holder(port) or "another process"
            raise Refused(
                f"port {port} is taken by {holder}",
                "stop it, or choose other ports: ports.current and ports.candidate in org.toml",
            ) from error
        raise Refused(
            f"cannot listen on {host}:{port}: {error.strerror}", "see [ports] in org.toml"
        ) from error
    return listening


def send_line(connected: socket.socket, message: Mapping[str, Any]) -> None:
    connected.sendall(json.dumps(message).encode() + b"\n")


def read_lines(connected: socket.socket) -> Iterator[dict[str, Any]]:
    """JSON objects, one a line, until the other side closes. Raises Failed on rubbish."""
    held = b""
    while chunk := connected.recv(CHUNK_BYTES):
        held += chunk
        *lines, held = held.split(b"\n")
        if len(held) > LINE_BYTES_MAX:
            raise Failed("the daemon sent an endless line", "see: orgctl logs supervisor")
        for line in lines:
            try:
                yield dict(json.loads(line))
            except (ValueError, TypeError) as error:
                raise Failed("the daemon sent rubbish", "see: orgctl logs supervisor") from error


def packets() -> tuple[socket.socket, socket.socket]:
    """A pair that hands over whole messages, and descriptors with them."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send_packet(line: socket.socket, message: Mapping[str, Any], fds: Sequence[int] = ()) -> None:
    """Copies of `fds` go with it. Raises OSError when nobody is there."""
    socket.send_fds(line, [json.dumps(message).encode()], list(fds))


def receive_packet(line: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next message and the descriptors that came with it; None when the other side is gone."""
    try:
        data, fds, _, _ = socket.recv_fds(line, PACKET_BYTES_MAX, PACKET_FDS_MAX)
    except ConnectionError:
        return None
    for descriptor in fds:
        os.set_inheritable(descriptor, False)
    return (dict(json.loads(data)), fds) if data else None
