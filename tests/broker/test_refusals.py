"""How long a server wants its callers to wait, by what it says."""

from __future__ import annotations

import pytest

from daemon.broker.refusals import RETRY_AFTER_SECONDS_MAX, retry_after

NOW = 1_763_712_000.0  # 2025-11-21T08:00:00Z


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, None),
        ({"retry-after": "0.9"}, None),
        ({"retry-after": "99999"}, RETRY_AFTER_SECONDS_MAX),
        ({"retry-after": "Fri, 21 Nov 2025 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 21 Nov 2025 07:00:00 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "2500", "retry-after": "9"}, 2.5),
        ({"retry-after-ms": "20"}, None),
        ({"retry-after-ms": "nan"}, None),
    ],
)
def test_less_than_a_second_is_no_wish(headers: dict[str, str], seconds: float | None) -> None:
    """Whoever kept to it would ask many times at once, and be refused each time."""
    assert retry_after(headers, NOW) == seconds
