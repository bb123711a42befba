"""What models cost: `$ORG_HOME/prices.toml`, then the settings of that very model; else unknown.

    ["qwen3:8b"]
    input = 0.10     # per million tokens, in whatever currency the budgets are
    output = 0.40

A name may end with `*`; `NAME/MODEL` of a provider is also looked for as MODEL. A model of one's
own costs what one writes down, also 0.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from daemon.core.budget import FREE, Price
from daemon.state.settings import Model, Settings, read_toml
from ops.errors import Refused

FILE = "prices.toml"
RECORDED = "recorded"  # replies that were paid for when they were recorded
BETWEEN = "/"  # `NAME/MODEL` is asked of the provider NAME; NAME alone of its own model


def load(home: Path) -> dict[str, Price]:
    """Raises Refused for a file that makes no sense."""
    path = home / FILE
    try:
        return {name: Price.model_validate(row) for name, row in read_toml(path).items()}
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused(f"{path}: {where}: {first['msg']}", f"mend {path}") from error


def price_of(name: str, home: Path, settings: Settings) -> Price | None:
    """None when nobody said; what one model of an endpoint costs says nothing of its others."""
    if name == RECORDED:
        return FREE
    provider, _, rest = name.partition(BETWEEN)
    model, asked = settings.endpoint(name), rest if provider in settings.providers else name
    known = load(home)
    for called in (name, asked):
        for pattern in sorted(known, key=len, reverse=True):
            if fnmatch.fnmatchcase(called, pattern):
                return known[pattern]
    meant = not (asked and model.name) or asked == model.name
    if meant and model.input_price is not None and model.output_price is not None:
        return Price(input=model.input_price, output=model.output_price)
    return None


def full_name(
    asked: str, main: Model, providers: Mapping[str, Model], chosen: Collection[str] = ()
) -> str:
    """Of the model that answers: the setting's, where the asked one is none of its others.

    `chosen` are those that a cell may name besides.
    """
    provider, _, rest = asked.partition(BETWEEN)
    there = provider in providers
    model, name = (providers[provider], rest) if there else (main, asked)
    free = not model.name or asked in chosen or name in model.others
    picked = name if free and name else model.name
    return f"{provider}{BETWEEN}{picked}" if there else picked


def known(home: Path, settings: Settings, *asked: str) -> dict[str, tuple[float, float]]:
    """Full name -> prices of prompt and reply, of these models and of all that settings name."""
    others = [*settings.model.others, settings.model.name, RECORDED]
    for name, model in settings.providers.items():
        others += [name, *(f"{name}{BETWEEN}{one}" for one in model.others)]
    found = {}
    for name in (*asked, *others):
        full = name if name == RECORDED else full_name(name, settings.model, settings.providers)
        price = price_of(full, home, settings)
        if price is not None:
            found[full] = (price.input, price.output)
    return found


def door(home: Path, settings: Settings, model: str) -> dict[str, Any]:
    """For the door of who may ask this model, and the others when it fails: at which prices."""
    asked = (model, *settings.model.others)
    only = [full_name(one, settings.model, settings.providers) for one in asked]
    return {"only": only, "prices": known(home, settings, model)}
