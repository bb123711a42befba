"""The verbs of the guest: org in a virtual machine with one way out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ops.orgctl.common import ASKED, Yes, app, confirm

vm_app = typer.Typer(
    help="The guest: org in a virtual machine with one way out.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _run(*arguments: str) -> None:
    """The room `vm` does it, in place of this process: terminal, signals and exit code are its."""
    from ops.lifecycle import boot

    shown = ["--json"] if ASKED.as_json else []
    argv = boot("vm", "--folder", str(ASKED.layout.home / "vm"), *shown, *arguments)
    os.execv(argv[0], argv)


@vm_app.command("build")
def vm_build(
    repo: Annotated[Path | None, typer.Option(help="A git checkout of org; else this one.")] = None,
    model: Annotated[
        str | None, typer.Option(help="HOST:PORT of the model, as seen inside.")
    ] = None,
) -> None:
    """Make the guest's image, as root: Debian, org, and nothing that needs a network."""
    chosen = ["--repo", str(repo)] if repo else []
    _run("build", *chosen, *(["--model", model] if model else []))


@vm_app.command("up")
def vm_up(
    llm: Annotated[str, typer.Option(help="The host's one address that it may reach.")] = (
        "127.0.0.1:11434"
    ),
    ports: Annotated[str, typer.Option(help="The host's for :7001 and :7002.")] = "7001,7002",
    cpus: int = 2,
    memory: Annotated[int, typer.Option(help="In MiB.")] = 2048,
) -> None:
    """Boot it, under KVM where that works."""
    _run("up", f"--llm={llm}", "--ports", ports, "--cpus", str(cpus), "--memory", str(memory))


@vm_app.command("down")
def vm_down(force: Annotated[bool, typer.Option(help="Pull the plug.")] = False) -> None:
    """Power it off; the instance stays on its disk."""
    _run("down", *(["--force"] if force else []))


@vm_app.command("status")
def vm_status() -> None:
    """Whether it runs, how, and what org says of itself there."""
    _run("status")


@vm_app.command("shell", context_settings={"ignore_unknown_options": True})
def vm_shell(command: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Run a command there as root; without one, open its console (leave with Ctrl-])."""
    _run("shell", *(["--", *command] if command else []))


@vm_app.command("attach")
def vm_attach() -> None:
    """Open the guest's own tmux session on its console."""
    _run("attach")


@vm_app.command("logs")
def vm_logs(console: Annotated[bool, typer.Option(help="The kernel's.")] = False) -> None:
    """The journal of org's units there."""
    _run("logs", *(["--console"] if console else []))


@vm_app.command("prove")
def vm_prove() -> None:
    """Try every way out of it that we know, as each of its users; exit 1 when one works."""
    _run("prove")


@vm_app.command("snapshot")
def vm_snapshot(name: Annotated[str | None, typer.Argument()] = None) -> None:
    """Keep memory and disks as they are now; without a name, list what was kept."""
    _run("snapshot", *([name] if name else []))


@vm_app.command("revert")
def vm_revert(name: str, yes: Yes = False) -> None:
    """Go back to a snapshot; what happened since is lost."""
    confirm(f"go back to snapshot {name}, and lose what happened since", yes)
    _run("revert", name)


app.add_typer(vm_app, name="vm")
