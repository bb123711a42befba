"""What the judge asks is what its recordings answer."""

from __future__ import annotations

from pathlib import Path

from daemon.broker.recordings import Replay, fit_of
from fitness import exchanges
from tests.fitness.behaviour.record import files


def test_the_recorded_exchanges_are_those_that_were_made(tmp_path: Path) -> None:
    """Each file is what its script says, and each reply fits the request beside it."""
    for path, text in files().items():
        assert path.read_text() == text, "make them anew: python -m tests.fitness.behaviour.record"
        session = exchanges.write_session(tmp_path / path.name, exchanges.read(path))
        replay = Replay.open(session)
        for at, one in enumerate(exchanges.read(path)):
            replay.at = at
            fits = fit_of(one.ask["messages"]) == replay.exchanges[at].fit
            assert fits == (one.more.get("wanted", {}).get("status", 200) == 200)
            assert not fits or replay.answer(one.ask["messages"])
