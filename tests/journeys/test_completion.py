"""Tab completes orgctl in each shell that it is made for, on a real terminal."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.journeys.instance import ROOT

pytestmark = pytest.mark.journey

SHOWN_SECONDS = 60.0
# What a person writes down once, as `orgctl completion --help` says, and how the shell is begun.
SHELLS = {
    "bash": (".bashrc", 'eval "$(orgctl completion bash)"', "bash --rcfile .bashrc -i"),
    "zsh": (
        ".zshrc",
        'autoload -Uz compinit; compinit -u; eval "$(orgctl completion zsh)"',
        "zsh -i",
    ),
    "fish": (".config/fish/config.fish", "orgctl completion fish | source", "fish -i"),
}
TYPED = {
    "orgctl rollb": "orgctl rollback",
    "orgctl goal ad": "orgctl goal add",
    "orgctl plot tim": "orgctl plot timeline",
    "orgctl plot fitness --o": "orgctl plot fitness --out",
}


def shown(tmux: list[str], text: str) -> None:
    """Wait until the screen holds `text`."""
    deadline = time.monotonic() + SHOWN_SECONDS
    while text not in (
        screen := subprocess.run(
            [*tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True
        ).stdout
    ):
        assert time.monotonic() < deadline, screen
        time.sleep(0.05)


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes(tmp_path: Path, shell: str) -> None:
    """Verbs, verbs below a verb, values and options."""
    name, line, command = SHELLS[shell]
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(f"{line}\necho it is ready\n")
    (tmp_path / "bin").mkdir()
    orgctl = [sys.executable, "-I", str(ROOT / "ops/boot.py"), "ops.orgctl"]
    (tmp_path / "bin/orgctl").write_text(f'#!/bin/sh\nexec {shlex.join(orgctl)} "$@"\n')
    (tmp_path / "bin/orgctl").chmod(0o755)
    environment = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    environment |= {"LANG": "C.UTF-8", "TERM": "xterm"}
    tmux = ["tmux", "-S", str(tmp_path / "tmux.sock"), "-f", "/dev/null"]
    size = ["-x", "100", "-y", "40"]
    begin = [*tmux, "new-session", "-d", *size, "-c", str(tmp_path), command]
    subprocess.run(begin, env=environment, check=True)
    try:
        shown(tmux, "it is ready")
        for typed, whole in TYPED.items():
            subprocess.run([*tmux, "send-keys", "-l", typed], check=True)
            shown(tmux, typed)  # what is typed ahead of the prompt is not completed everywhere
            subprocess.run([*tmux, "send-keys", "Tab"], check=True)
            shown(tmux, whole)
            subprocess.run([*tmux, "send-keys", "C-u"], check=True)
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False)
