"""The verbs of namespaces: create, update, show, list, delete; they need no daemon."""

from __future__ import annotations

from typing import Annotated

import typer

from ops.orgctl.common import ASKED, Yes, app, confirm, say

namespace_app = typer.Typer(
    help="Namespaces: which tools agents are offered.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Allow = Annotated[list[str], typer.Option(help="A tool, or a pattern like read_*; repeat it.")]


def _told(name: str, tools: list[str], what: str) -> None:
    if not say({"namespace": name, "allow": tools}):
        print(f"{what} {name}: {', '.join(tools) or 'no tools'}")


@namespace_app.command("create")
def namespace_create(name: str, allow: Allow) -> None:
    """Name a list of tools; use it with: orgctl chat --namespace NAME."""
    from ops import namespaces

    namespaces.create(ASKED.layout, name, allow)
    _told(name, namespaces.tools_of(ASKED.layout, name), "made")


@namespace_app.command("update")
def namespace_update(name: str, allow: Allow) -> None:
    """Put another list in its place."""
    from ops import namespaces

    namespaces.update(ASKED.layout, name, allow)
    _told(name, namespaces.tools_of(ASKED.layout, name), "changed")


@namespace_app.command("show")
def namespace_show(name: str) -> None:
    """The tools of one."""
    from ops import namespaces

    _told(name, namespaces.tools_of(ASKED.layout, name), "namespace")


@namespace_app.command("list")
def namespace_list() -> None:
    """All of them."""
    from ops import namespaces, render

    found = namespaces.read(ASKED.layout)
    if not say({"namespaces": [{"namespace": one, "allow": found[one]} for one in found]}):
        render.table(("namespace", "tools"), [(one, ", ".join(found[one])) for one in found])


@namespace_app.command("delete")
def namespace_delete(name: str, yes: Yes = False) -> None:
    """Forget one; rooms that were furnished with it keep its tools."""
    from ops import namespaces

    namespaces.tools_of(ASKED.layout, name)
    confirm(f"delete namespace {name}", yes)
    namespaces.delete(ASKED.layout, name)
    if not say({"namespace": name, "deleted": True}):
        print(f"deleted {name}")


app.add_typer(namespace_app, name="namespace")
