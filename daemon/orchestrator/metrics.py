"""`/metrics`: this process and the instance, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0 as KIND

from daemon.orchestrator.health import Health

__all__ = ["KIND", "text"]
MILLISECONDS = 1000.0


class _Told:
    """What prometheus_client asks for the metrics."""

    def __init__(self, health: Health, now: dict[str, Any] | None) -> None:
        self._health = health
        self._now = now

    def collect(self) -> Iterable[Metric]:
        yield from _process(self._health)
        up = float(self._now is not None)
        yield GaugeMetricFamily("org_up", "Whether the supervisor answers.", value=up)
        if self._now is not None:
            yield from _instance(self._now)


def text(health: Health, now: dict[str, Any] | None) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Told(health, now))
    return generate_latest(registry)


def _process(health: Health) -> Iterable[Metric]:
    stats = health.stats()
    yield CounterMetricFamily("org_requests", "Requests answered.", value=stats["requests"])
    yield CounterMetricFamily("org_errors", "Requests answered with 5xx.", value=stats["errors"])
    yield GaugeMetricFamily("org_in_flight", "Requests under way.", value=stats["in_flight"])
    yield GaugeMetricFamily("org_resident_bytes", "Memory of the process.", value=stats["rss"])
    yield GaugeMetricFamily("org_descriptors", "Open descriptors.", value=stats["descriptors"])
    yield GaugeMetricFamily("org_uptime_seconds", "Since its start.", value=health.uptime)
    waits = GaugeMetricFamily(
        "org_latency_seconds", "To the head of the answer, newest requests.", labels=["quantile"]
    )
    for name, key in (("0.5", "p50_ms"), ("0.99", "p99_ms")):
        waits.add_metric([name], (stats[key] or 0.0) / MILLISECONDS)
    yield waits


def _instance(now: dict[str, Any]) -> Iterable[Metric]:
    counts = GaugeMetricFamily("org_candidates", "Candidates by how they ended.", labels=["state"])
    for state, count in now["counts"].items():
        counts.add_metric([state], count)
    yield counts
    slots = GaugeMetricFamily("org_slot_serving", "Whether a slot serves.", labels=["slot"])
    for name, slot in now["slots"].items():
        slots.add_metric([name], float(slot["state"] == "serving"))
    yield slots
    yield GaugeMetricFamily("org_frozen", "Whether promotions are.", value=float(now["frozen"]))
    yield GaugeMetricFamily("org_promoting", "1 in probation.", value=float(bool(now["promotion"])))
    yield GaugeMetricFamily(
        "org_tokens_day", "Tokens spent in the last 24 hours.", value=now["tokens_today"]
    )
    yield GaugeMetricFamily(
        "org_last_progress_seconds", "Since the last event.",
        value=now["supervisor"]["last_progress_s"],
    )  # fmt: skip
