"""`/metrics`: what is counted of this process and of the instance, as Prometheus reads it."""

from __future__ import annotations

import json
import re

import httpx

from tests.orchestrator.house import House, served
from tests.orchestrator.program import ROOT


def test_metrics_are_prometheus_text(here: House, http: httpx.Client) -> None:
    """Counts of this process and of the instance, without a label that could grow for ever."""
    from prometheus_client.parser import text_string_to_metric_families

    http.get("/healthz")
    text = http.get("/metrics").text
    families = {one.name: one for one in text_string_to_metric_families(text)}
    assert families["org_requests"].samples[0].value > 0
    states = {one.labels["state"]: one.value for one in families["org_candidates"].samples}
    assert states["promoted"] >= 1
    assert families["org_resident_bytes"].samples[0].value > 0
    board = json.loads((ROOT / "ops/grafana.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for one in asked:  # the dashboard asks for nothing that is not told
        name = re.search(r"org_[a-z_]+", one)
        assert name and name[0].removesuffix("_total") in families, one
    assert families["org_up"].samples[0].value == 1


def test_metrics_are_told_while_the_supervisor_is_away(here: House) -> None:
    """This process' own, and that it is away."""
    with served(here, ORG_FACTS="/nowhere/at/all") as (_, url):
        answer = httpx.get(f"{url}/metrics", trust_env=False)
    assert answer.status_code == 200
    assert "org_up 0.0" in answer.text
    assert "org_requests_total" in answer.text
