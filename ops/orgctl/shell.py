"""What a shell and a reader want of orgctl: completions and a manual page, made from the verbs."""

from __future__ import annotations

import enum
import time
from collections.abc import Iterator
from typing import Any

import typer

from ops.orgctl.common import HELP, app

COMPLETE = "_ORGCTL_COMPLETE"


class Shell(enum.StrEnum):
    bash = "bash"
    zsh = "zsh"
    fish = "fish"


@app.command()
def completion(shell: Shell) -> None:
    """Print what makes a shell complete orgctl.

    bash: eval "$(orgctl completion bash)" in ~/.bashrc; zsh: eval "$(orgctl completion zsh)"
    in ~/.zshrc, after compinit; fish: orgctl completion fish | source in its config.fish.
    """
    from typer._completion_shared import get_completion_script

    print(get_completion_script(prog_name="orgctl", complete_var=COMPLETE, shell=str(shell)))


@app.command()
def manual() -> None:
    """Print the manual page: orgctl manual > /usr/local/share/man/man1/orgctl.1."""
    command = typer.main.get_command(app)
    print("\n".join(_page(command)))


def _page(command: Any) -> Iterator[str]:
    yield f'.TH ORGCTL 1 "{time.strftime("%Y-%m-%d")}" org'
    yield ".SH NAME\norgctl \\- steer an org instance"
    yield '.SH SYNOPSIS\n.B orgctl\n.RI [ --json ] " [" "--home DIR" "] VERB [" ARGUMENTS " ...]"'
    yield f".SH DESCRIPTION\n{_plain(HELP)}"
    yield ".SH VERBS"
    yield from _verbs(command, "")
    yield ".SH FILES\n.TP\n.I $ORG_HOME/org.toml\nsettings of the instance"
    yield ".TP\n.I /etc/org/org.toml\nsettings of the machine"


def _verbs(group: Any, path: str) -> Iterator[str]:
    for name, one in group.commands.items():
        if hasattr(one, "commands"):
            yield from _verbs(one, f"{path}{name} ")
            continue
        words = [_word(param) for param in one.params if param.name != "help"]
        yield f".TP\n.B {_plain(path + name)}\n{_plain(' '.join(words))}"
        yield f".br\n{_plain(one.help or '')}"
        for param in one.params:
            if getattr(param, "help", None):
                yield f".br\n.I {_plain(param.opts[-1])}\n{_plain(param.help)}"


def _word(param: Any) -> str:
    if param.param_type_name == "argument":
        word = str(param.name).upper()
        return word if param.required else f"[{word}]"
    return f"[{param.opts[0]}]"


def _plain(text: str) -> str:
    """Without what troff would read as a command."""
    lines = text.replace("\\", "\\e").replace("-", "\\-").splitlines()
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in lines)
