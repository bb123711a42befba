"""Spans of time in words."""

import pytest

from daemon.orchestrator.uptime import in_words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 seconds"), (1, "1 second"), (1.9, "1 second"), (59, "59 seconds")]
)
def test_less_than_a_minute_is_told_in_seconds(seconds: float, words: str) -> None:
    """Whole seconds, and one of them is a second."""
    assert in_words(seconds) == words


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_what_is_no_span_is_refused(seconds: float) -> None:
    """Neither backwards, nor endless, nor no number at all."""
    with pytest.raises(ValueError, match="no span"):
        in_words(seconds)
