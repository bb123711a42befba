"""The tools, listed in one tuple; each is a file of its own."""

from __future__ import annotations

from daemon.agent.tools.done import DONE
from daemon.agent.tools.edit_file import EDIT_FILE
from daemon.agent.tools.list_files import LIST_FILES
from daemon.agent.tools.python_run import PYTHON_RUN
from daemon.agent.tools.read_file import READ_FILE
from daemon.agent.tools.run_tests import RUN_TESTS
from daemon.agent.tools.search import SEARCH
from daemon.agent.tools.sh import SH
from daemon.agent.tools.tool import Tool
from daemon.agent.tools.write_file import WRITE_FILE

TOOLS: tuple[Tool, ...] = (
    LIST_FILES,
    READ_FILE,
    SEARCH,
    WRITE_FILE,
    EDIT_FILE,
    SH,
    PYTHON_RUN,
    RUN_TESTS,
    DONE,
)
