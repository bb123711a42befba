"""The OpenAPI document is true: what it allows is answered as it says, and never with a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from tests.orchestrator.house import filled, house, served
from tests.orchestrator.scripted_broker import Answering, scripted_broker

pytestmark = pytest.mark.process

EXAMPLES_MAX = 10
# Streams for ever, once it has begun; test_events listens to it.
ENDLESS = "/api/events"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with house() as here:
        filled(here)
        with scripted_broker(here.world.layout.run / "b", answer) as broker:
            with served(here, ORG_BROKER=broker.path) as (_, address):
                yield address


def answer(broker: Answering) -> None:
    """A list for those who ask for one, else some object."""
    broker.head(200, "application/json")
    broker.piece(json.dumps({"object": "list", "data": []}).encode())
    broker.piece(b"")


@pytest.mark.parametrize("mode", list(GenerationMode), ids=str)
def test_every_answer_is_as_the_document_says(url: str, mode: GenerationMode) -> None:
    """Status, kind and shape, for what is allowed and for what is not."""
    document = schemathesis.openapi.from_url(f"{url}/api/openapi.json")
    count = 0
    for found in document.get_all_operations():
        operation = found.ok()
        takes_nothing = not operation.body and not any(operation.iter_parameters())
        if operation.path == ENDLESS or (takes_nothing and mode is GenerationMode.NEGATIVE):
            continue
        count += 1

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=EXAMPLES_MAX,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate()

        ask()
    assert count >= 11
