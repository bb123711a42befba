"""What a cell costs a call, beside a plain spawn, `docker exec` and a fresh container.

ops/bench.sh cell [--runs N] [--no-docker]
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from ops.cell import Cell, run
from tests.bench.figures import Figure, median, show
from tests.ops.engine import engine

RUNS, DOCKER_RUNS = 101, 15
COMMAND = ("true",)


def taken(call: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def plain() -> None:
    subprocess.run(COMMAND, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def cell(backend: str) -> Callable[[], None]:
    def call() -> None:
        done = run(Cell(COMMAND, backend=backend))
        assert done.exit == 0, done

    return call


@contextlib.contextmanager
def container(host: str) -> Iterator[Callable[[], None]]:
    """`docker exec` in a container that stays, through the SDK, as others do it."""
    import docker

    cell("docker")()  # makes the image
    client: Any = docker.APIClient(base_url=host)
    image = client.images()[0]["RepoTags"][0]
    settings = client.create_host_config(binds=["/usr:/usr:ro"], network_mode="none")
    made = client.create_container(image, ["sleep", "600"], host_config=settings)["Id"]
    client.start(made)

    def call() -> None:
        asked = client.exec_create(made, list(COMMAND))["Id"]
        client.exec_start(asked)
        assert client.exec_inspect(asked)["ExitCode"] == 0

    try:
        yield call
    finally:
        client.remove_container(made, force=True)


def measured(calls: dict[str, Callable[[], None]], runs: int) -> dict[str, list[float]]:
    """In turn, so that a slow minute slows all of them."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            found[name].append(taken(call))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="cell")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--no-docker", action="store_true")
    flags = parser.parse_args()
    cell("bubblewrap")()  # what is found out once is not part of a call
    calls: dict[str, Callable[[], None]] = {"plain_ms": plain, "bubblewrap_ms": cell("bubblewrap")}
    found = measured(calls, flags.runs)
    if not flags.no_docker:
        with engine() as host, container(host) as executed:
            both = {"docker_exec_ms": executed, "docker_run_ms": cell("docker")}
            found |= measured(both, min(flags.runs, DOCKER_RUNS))
    figures = {name: median(values, "ms", 2) for name, values in found.items()}
    over = statistics.median(found["bubblewrap_ms"]) - statistics.median(found["plain_ms"])
    show("cell", figures | {"overhead_ms": Figure(round(over, 2), "ms")})
    return 0


if __name__ == "__main__":
    sys.exit(main())
