"""Who may sit in a room."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.agent.room.members import member
from daemon.agent.room.outfit import offered
from daemon.agent.tools.python_run import PYTHON_RUN
from daemon.agent.workspace import Workspace
from ops.errors import Refused
from tests.agent.room.case import Scripts, seat


@pytest.mark.parametrize("names", [("read_file",), ()])
def test_who_computes_is_not_seated_where_nothing_may_run(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """A room's tools are its tools; a pattern that fits lets it in."""
    asked = seat("calc", kind="python"), Scripts(), Workspace(tmp_path)
    with pytest.raises(Refused, match="python_run, which is not offered"):
        member(*asked, lambda: offered(names))
    assert member(*asked, lambda: offered(("python_*", "read_file"))).toolbox() == (PYTHON_RUN,)
