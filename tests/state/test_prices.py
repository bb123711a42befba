"""What a model costs: as the file says, then the settings, else nobody knows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.state import prices
from daemon.state.settings import load
from ops.errors import Refused


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("local", 0.0),
        ("openai/gpt-5", None),  # no provider of that name: asked of the main endpoint
        ("other", None),
        ("far/big", 8.0),
        ("far", 8.0),
        ("far/small", None),
        ("far/cheap", 2.0),
        ("any/thing", 3.0),
    ],
)
def test_what_one_model_costs_says_nothing_of_another(
    name: str, price: float | None, tmp_path: Path
) -> None:
    """`NAME/MODEL` costs what its own provider says; one without a model's name means all."""

    def costs(each: float) -> dict[str, float]:
        return {"input_price": each, "output_price": each}

    flags = {
        "model": {"name": "local", **costs(0.0)},
        "providers": {"far": {"name": "big", **costs(8.0)}, "any": costs(3.0)},
    }
    (tmp_path / "prices.toml").write_text('["cheap"]\ninput = 2\noutput = 2\n')
    found = prices.price_of(name, tmp_path, load(tmp_path, flags))
    assert (found.input if found else None) == price


def test_prices_come_from_the_file_then_the_settings_else_nobody_knows(tmp_path: Path) -> None:
    model = load(tmp_path, {"model": {"name": "m"}})
    assert prices.price_of("m", tmp_path, model) is None
    assert prices.price_of("recorded", tmp_path, model) == prices.FREE
    (tmp_path / "prices.toml").write_text(
        '["qwen*"]\ninput = 1\noutput = 2\n["m"]\ninput = 0\noutput = 0\n'
    )
    found = prices.price_of("qwen3:8b", tmp_path, model)
    assert found is not None
    assert json.loads(found.model_dump_json()) == {"input": 1.0, "output": 2.0}
    assert prices.price_of("m", tmp_path, model) == prices.FREE
    (tmp_path / "prices.toml").write_text('["m"]\ninput = -1\noutput = 0\n')
    with pytest.raises(Refused):
        prices.price_of("m", tmp_path, model)
