"""The OpenAPI document: every route is in it, with all that may come of asking."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from daemon.orchestrator.endpoints import SAID
from tests.orchestrator.house import house, served


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with house() as here, served(here) as (_, address):
        yield address


def test_the_document_names_every_route(url: str) -> None:
    """What is documented is routed: asking for it is never a 404 of the router."""
    document = httpx.get(f"{url}/api/openapi.json", trust_env=False).json()
    assert document["openapi"] == "3.1.0"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["responses"]["200"]["content"], (path, method)
            assert operation["summary"]
            assert operation["x-scope"] in ("read", "chat", "tools", "act")


def test_the_document_tells_what_a_tools_call_may_say(url: str) -> None:
    """Its time, and the key under which it runs once."""
    paths = httpx.get(f"{url}/api/openapi.json", trust_env=False).json()["paths"]
    told = paths["/v1/tools/execute"]["post"]
    body = told["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert set(body) == {"tool", "arguments", "workspace", "seconds"}
    assert [(one["in"], one["name"]) for one in told["parameters"]] == [
        ("header", "Idempotency-Key")
    ]
    assert "422" in told["responses"]


def test_the_document_tells_every_refusal(url: str) -> None:
    """In words, and none that no route has."""
    paths = httpx.get(f"{url}/api/openapi.json", trust_env=False).json()["paths"]
    told = {
        int(status): answer["description"]
        for methods in paths.values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status != "200"
    }
    assert told.items() <= SAID.items()
    assert set(SAID) - set(told) <= {405}  # of a method that no document names
