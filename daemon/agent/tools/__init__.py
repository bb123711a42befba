"""The tools, listed in one tuple; each is a file of its own."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

from daemon.agent.tools.apply_patch import APPLY_PATCH
from daemon.agent.tools.data_view import DATA_VIEW
from daemon.agent.tools.done import DONE
from daemon.agent.tools.edit_file import EDIT_FILE
from daemon.agent.tools.git import GIT
from daemon.agent.tools.list_files import LIST_FILES
from daemon.agent.tools.pyexe import PYEXE
from daemon.agent.tools.python_run import PYTHON_RUN
from daemon.agent.tools.question import QUESTION
from daemon.agent.tools.read_file import READ_FILE
from daemon.agent.tools.run_tests import RUN_TESTS
from daemon.agent.tools.search import SEARCH
from daemon.agent.tools.sh import SH
from daemon.agent.tools.todoread import TODOREAD
from daemon.agent.tools.todowrite import TODOWRITE
from daemon.agent.tools.tool import Tool
from daemon.agent.tools.webfetch import WEBFETCH
from daemon.agent.tools.write_file import WRITE_FILE

TOOLS: tuple[Tool, ...] = (
    LIST_FILES,
    READ_FILE,
    SEARCH,
    WRITE_FILE,
    EDIT_FILE,
    APPLY_PATCH,
    SH,
    PYTHON_RUN,
    PYEXE,
    RUN_TESTS,
    GIT,
    DATA_VIEW,
    WEBFETCH,
    TODOWRITE,
    TODOREAD,
    QUESTION,
    DONE,
)
ENDS = frozenset({DONE.name})  # no namespace takes away the way to the end


def allowed(names: Collection[str] | None, web: bool = True) -> tuple[Tool, ...]:
    """The tools of a namespace, for the offer and for the call; None is all of them.

    A name may be a pattern, as `read_*`.
    """
    return tuple(
        tool
        for tool in TOOLS
        if (names is None or tool.name in ENDS or any(fnmatchcase(tool.name, one) for one in names))
        and (web or tool is not WEBFETCH)
    )
