"""Run one of the supervisor's programs in a child that ends, as if killed, before an effect."""

from __future__ import annotations

import subprocess
import sys

from tests.journeys.instance import ROOT

NEVER = 1_000_000
SCRIPT = """
import os, sys
sys.path.insert(0, {root!r})
from daemon.supervisor import {module}
left = {after}
def count(event, _):
    global left
    left -= event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "subprocess.Popen")
    if left < 0:
        os._exit(137)
sys.addaudithook(count)
sys.exit({module}.main({argv!r}))
"""


def run(module: str, argv: list[str], after: int = NEVER) -> int:
    """Its exit code; 137 when it ended itself."""
    script = SCRIPT.format(root=str(ROOT), module=module, argv=argv, after=after)
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL, check=False)
    return done.returncode
