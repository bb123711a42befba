"""What models cost: `$ORG_HOME/prices.toml`, then the settings of that very model; else unknown.

    ["qwen3:8b"]
    input = 0.10     # per million tokens, in whatever currency the budgets are
    output = 0.40

A name may end with `*`; `NAME/MODEL` of a provider is also looked for as MODEL. A model of one's
own costs what one writes down, also 0.
"""

from __future__ import annotations

import fnmatch
from pathlib import Path

from pydantic import ValidationError

from daemon.core.budget import FREE, Price
from daemon.state.settings import Settings, read_toml
from ops.errors import Refused

FILE = "prices.toml"
RECORDED = "recorded"  # replies that were paid for when they were recorded


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
    provider, _, rest = name.partition("/")
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
