"""A docker engine of the tests' own: its data, its sockets and its end are theirs alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ops.cell_docker import HOST_VARIABLE, available
from ops.errors import Refused

START_SECONDS = 60.0
END_SECONDS = 30.0
POLL_SECONDS = 0.1


@contextlib.contextmanager
def engine() -> Iterator[str]:
    """A running dockerd without a network; DOCKER_HOST names it meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="org-engine-"))
    host = f"unix://{folder}/docker.sock"
    argv = ["dockerd", "--bridge=none", "--iptables=false", "-H", host]
    argv += ["--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    argv += ["--pidfile", str(folder / "pid")]
    before = os.environ.get(HOST_VARIABLE)
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)
        try:
            os.environ[HOST_VARIABLE] = host
            _wait(daemon, folder / "log")
            yield host
        finally:
            os.environ.pop(HOST_VARIABLE, None)
            os.environ.update({HOST_VARIABLE: before} if before else {})
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(END_SECONDS)
            shutil.rmtree(folder, ignore_errors=True)


def _wait(daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            available()
            return
        except Refused:
            assert daemon.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(POLL_SECONDS)
