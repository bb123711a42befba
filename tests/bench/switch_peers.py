"""Other ways to put new code into service, each in an environment of its own.

All serve the same checkout with the same uvicorn, one worker; `deploy` takes a commit and
does what that way's users do: check out, then restart or reload.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.journeys.instance import free_port, git

PINNED = ("starlette==1.10.0", "uvicorn==0.54.0", "httptools==0.9.0", "httpx==0.28.1")
QUIET = ("--log-level", "warning", "--no-access-log", "--http", "httptools")
HOST = "127.0.0.1"
BACKLOG = 2048
UP_SECONDS = 20.0
STOP_SECONDS = 20.0
GRACE_SECONDS = 15  # how long one that stops may finish what it has; the streams take 2 s


@dataclass
class Peer:
    """One running server of a checkout of its own; `folder` holds all that it writes."""

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    folder: Path
    repo: Path
    port: int = field(default_factory=free_port)
    _child: subprocess.Popen[bytes] | None = None

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def tool(self, name: str) -> str:
        return str(self.folder / "venv/bin" / name)

    def prepare(self) -> None:
        """Its checkout, its environment, its process, and its first answer."""
        self.folder.mkdir()
        git(self.folder, "clone", "-q", str(self.repo), str(self.tree))
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run(
            [uv, "venv", "-q", "--python", sys.executable, "venv"], cwd=self.folder, check=True
        )
        wanted = [*PINNED, *self.packages]
        python = ["--python", self.tool("python")]
        subprocess.run(
            [uv, "pip", "install", "-q", "--compile-bytecode", *python, *wanted],
            cwd=self.folder,
            check=True,
        )
        self.begin()
        self._until_up()

    def begin(self) -> None:
        raise NotImplementedError

    def deploy(self, commit: str) -> None:
        git(self.tree, "checkout", "-q", commit)
        self.renew()

    def renew(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        if self._child is not None:
            self._stop(self._child)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def uvicorn(self, *arguments: str) -> list[str]:
        return [self.tool("python"), "-m", "uvicorn", "app:app", *QUIET, *arguments]

    def spawn(self, argv: Sequence[str], handed: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                argv,
                cwd=self.tree,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=tuple(handed),
                start_new_session=True,
            )

    def told(self, *argv: str) -> None:
        """A command of its own tools that must succeed."""
        subprocess.run(argv, cwd=self.folder, check=True, capture_output=True)

    def _stop(self, child: subprocess.Popen[bytes]) -> None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _until_up(self) -> None:
        deadline = time.monotonic() + UP_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1.0):
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not start:\n{(self.folder / 'log').read_text()}")


class Script(Peer):
    """Check out, stop the old process, start the new one."""

    name = "script"

    def begin(self) -> None:
        self._child = self.spawn(self.uvicorn("--host", HOST, "--port", str(self.port)))

    def renew(self) -> None:
        if self._child is not None:
            self._stop(self._child)
        self.begin()


class Gunicorn(Peer):
    """Its master keeps the socket, HUP renews the workers."""

    name = "gunicorn"
    packages = ("gunicorn==27.0.1", "uvicorn-worker==0.4.0")

    def begin(self) -> None:
        worker = ("-w", "1", "-k", "uvicorn_worker.UvicornWorker")
        grace = ("--graceful-timeout", str(GRACE_SECONDS))
        self._child = self.spawn(
            [self.tool("gunicorn"), *worker, *grace, "-b", f"{HOST}:{self.port}", "app:app"]
        )

    def renew(self) -> None:
        if self._child is not None:
            self._child.send_signal(signal.SIGHUP)


class Supervisord(Peer):
    """Its socket (an fcgi-program), and `supervisorctl restart`."""

    name = "supervisord"
    packages = ("supervisor==4.3.0",)

    def begin(self) -> None:
        command = " ".join(self.uvicorn("--fd", "0"))
        (self.folder / "supervisord.conf").write_text(
            f"[supervisord]\nnodaemon=true\nlogfile={self.folder}/supervisord.log\n"
            f"pidfile={self.folder}/pid\n"
            f"[unix_http_server]\nfile={self.folder}/s.sock\n"
            f"[supervisorctl]\nserverurl=unix://{self.folder}/s.sock\n"
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory ="
            " supervisor.rpcinterface:make_main_rpcinterface\n"
            f"[fcgi-program:web]\nsocket=tcp://{HOST}:{self.port}\ncommand={command}\n"
            f"directory={self.tree}\nstopwaitsecs={GRACE_SECONDS}\nsocket_backlog={BACKLOG}\n"
        )
        self._child = self.spawn(
            [self.tool("supervisord"), "-c", f"{self.folder}/supervisord.conf"]
        )

    def renew(self) -> None:
        configuration = f"{self.folder}/supervisord.conf"
        self.told(self.tool("supervisorctl"), "-c", configuration, "restart", "web:*")


class Circus(Peer):
    """Its socket, and `circusctl reload`."""

    name = "circus"
    packages = ("circus==0.19.0",)

    @property
    def _endpoint(self) -> str:
        return f"ipc://{self.folder}/c.sock"

    def begin(self) -> None:
        command = " ".join(self.uvicorn("--fd", "$(circus.sockets.web)"))
        (self.folder / "circus.ini").write_text(
            f"[circus]\nendpoint = {self._endpoint}\npubsub_endpoint = ipc://{self.folder}/p.sock\n"
            f"[watcher:web]\ncmd = {command}\nworking_dir = {self.tree}\nuse_sockets = True\n"
            f"numprocesses = 1\ngraceful_timeout = {GRACE_SECONDS}\ncopy_env = True\n"
            f"[socket:web]\nhost = {HOST}\nport = {self.port}\nbacklog = {BACKLOG}\n"
        )
        self._child = self.spawn([self.tool("circusd"), f"{self.folder}/circus.ini"])

    def renew(self) -> None:
        self.told(self.tool("circusctl"), "--endpoint", self._endpoint, "reload", "web")


class Activation(Peer):
    """As a systemd socket unit does: the socket outlives its service, which stops, then starts."""

    name = "activation"

    def begin(self) -> None:
        if not hasattr(self, "_listening"):
            self._listening = socket.create_server((HOST, self.port), backlog=BACKLOG)
        handed = self._listening.fileno()
        self._child = self.spawn(self.uvicorn("--fd", str(handed)), [handed])

    def renew(self) -> None:
        if self._child is not None:
            self._stop(self._child)
        self.begin()

    def end(self) -> None:
        super().end()
        self._listening.close()


PEERS: tuple[type[Peer], ...] = (Script, Gunicorn, Supervisord, Circus, Activation)
