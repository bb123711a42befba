"""Run one of the supervisor's programs in a child that kills itself before its n-th effect."""

from __future__ import annotations

import subprocess
import sys

from tests.journeys.instance import ROOT

NEVER = 1_000_000
SCRIPT = """
import os, signal, sys
sys.path.insert(0, {root!r})
from daemon.supervisor import {module}
left = {after}
def count(event, _):
    global left
    left -= event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "subprocess.Popen")
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
sys.exit({module}.main({argv!r}))
"""


def run(module: str, argv: list[str], after: int = NEVER) -> int:
    """Its exit code; negative when it killed itself."""
    script = SCRIPT.format(root=str(ROOT), module=module, argv=argv, after=after)
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL, check=False)
    return done.returncode
