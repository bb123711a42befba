"""The verbs of models: which providers there are, how they do, what this machine can run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ops.errors import Exit
from ops.orgctl.common import ASKED, app, say

provider_app = typer.Typer(
    help="Providers: where models are.", no_args_is_help=True, rich_markup_mode=None
)
models_app = typer.Typer(
    help="Models: what is on offer, and what fits.", no_args_is_help=True, rich_markup_mode=None
)
TRIAL_SECONDS = 240.0
SAID_CHARS_MAX = 8_000


def _ask(*arguments: str) -> dict[str, Any]:
    from ops import lifecycle

    home = ("--home", str(ASKED.layout.home))
    return lifecycle.call("daemon.broker.trial", *home, *arguments, seconds=TRIAL_SECONDS)


@provider_app.command("list")
def provider_list() -> None:
    """The configured providers, and the kinds that could be."""
    found = _ask("list")
    if not say(found):
        from ops import render

        rows = [
            (
                one["name"] if one["configured"] else f"({one['name']})",
                one["base"],
                one["model"] or "the first one",
                "yes" if one["key"] else "no",
            )
            for one in found["providers"]
        ]
        render.table(("provider", "address", "model", "key"), rows)
        print("in brackets: kinds that could be configured, see the settings model and providers")


@provider_app.command("test")
def provider_test(
    name: Annotated[str, typer.Argument(help="A configured one, or a kind.")] = "default",
    model: Annotated[str, typer.Option(help="Which of its models.")] = "",
    base_url: Annotated[str, typer.Option(help="Where it is, when not where it is set.")] = "",
) -> None:
    """Ask it two short questions: does it answer, how fast, with tools, how much context?"""
    flags = [f"--name={name}", f"--model={model}", f"--base-url={base_url}"]
    found = _with_tools(_ask(*flags, "test"))
    if not say(found):
        _show(found)
    raise typer.Exit(Exit.DONE if found["ok"] else Exit.JUDGED_NO)


def _with_tools(found: dict[str, Any]) -> dict[str, Any]:
    """A call that stands in the text counts as embedded."""
    text = _fit_to_pass(str(found.pop("said", "")))[:SAID_CHARS_MAX]
    if found.get("tools") != "text":
        return found
    from ops import lifecycle

    flags = (f"--text={text}", "--tool=weather", "--argument=city")
    calls = lifecycle.call("daemon.agent.embedded", *flags)["calls"]
    return found | {"tools": "embedded" if calls else "none"}


def _fit_to_pass(text: str) -> str:
    """What an argument cannot hold goes: zero bytes, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _show(found: dict[str, Any]) -> None:
    from ops import render

    if not found["ok"]:
        print(f"{found['name']} at {found['base']} does not do: {render.line(found['reason'])}")
        return
    told = {
        "model": f"{found['model']} ({found['models']} on offer)",
        "answers after": f"{found['latency_ms']} ms",
        "first token after": f"{found['first_token_ms']} ms",
        "speed": f"{found['tokens_per_s']} tokens/s ({found['usage']})",
        "streaming": "yes" if found["streaming"] else "no",
        "tools": found["tools"],
        "context": f"{found['context_tokens']} tokens" if found["context_tokens"] else "not told",
    }
    print(f"{found['name']}: {found['provider']} at {found['base']}")
    print("\n".join(f"  {key}: {render.line(str(value))}" for key, value in told.items()))


@models_app.command("list")
def models_list() -> None:
    """The models that the configured providers offer."""
    found = _ask("models")
    if not say(found):
        from ops import render

        render.table(
            ("model", "provider"), [(one["id"], one["provider"]) for one in found["models"]]
        )
        for problem in found["problems"]:
            print(render.line(problem))
    if found["problems"] and not found["models"]:
        raise typer.Exit(Exit.JUDGED_NO)


@models_app.command("recommend")
def models_recommend(
    model: Annotated[str, typer.Argument(help="name:size:quant, to ask for one.")] = "",
) -> None:
    """What fits into this machine's memory and accelerators, and why."""
    from ops import fitting, hardware

    machine = hardware.examine()
    fits = [fitting.checked(model, machine)] if model else fitting.recommended(machine)
    rows = [
        {"id": one.id, "bytes": one.bytes, "where": one.where(machine), "why": one.why(machine)}
        for one in fits
    ]
    found = {
        "memory_bytes": machine.memory_bytes,
        "accelerators": [{"name": one.name, "bytes": one.bytes} for one in machine.accelerators],
        "recommended": fits[0].id if fits else None,
        "fits": rows,
    }
    if not say(found):
        from ops import render

        render.table(("model", "where", "why"), [(o["id"], o["where"], o["why"]) for o in rows])


app.add_typer(provider_app, name="provider")
app.add_typer(models_app, name="models")
