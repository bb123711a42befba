"""Candidates that want a better verdict than they deserve."""

from __future__ import annotations

import pytest

from tests.attacks.ground import Ground
from tests.attacks.table import shows
from tests.journeys.instance import KEPT_TESTS

MODULE = "daemon/orchestrator/uptime.py"
APP = "daemon/orchestrator/app.py"
API = "daemon/orchestrator/api.py"
TESTS = "tests/orchestrator/test_uptime.py"
NAMED = f"{TESTS}::test_what_is_no_span_is_refused"
FEATURE = "daemon/orchestrator/feature.py"
IN_TESTS = 'import sys\nif "pytest" in sys.modules:\n'
ALWAYS = '''"""Passes everybody."""

from fitness.subject import Subject
from fitness.verdict import Verdict, passed

NAME = "tests"
QUESTION = "?"
STAGE = "work"
LIMIT_SECONDS = 9.0
SERVED = False


def judge(subject: Subject) -> Verdict:
    return passed(NAME)
'''
JUDGES = {
    "a gate": "fitness/gates/tests.py",
    "the daemon's state": "daemon/state/journal.py",
    "CI": ".ci/run",
}


@shows("C1")
@pytest.mark.parametrize("name", JUDGES)
def test_who_judges_is_not_changed_in_passing(attacked: Ground, name: str) -> None:
    """Beside a feature it is refused by its path, before anything of it runs."""
    path = JUDGES[name]
    text = attacked.source(path) + "\n# a change\n"
    gate = attacked.refused({path: text, FEATURE: '"""A feature."""\n'}, "paths")
    assert gate["name"] == "paths"
    assert path in gate["reason"]


@shows("C1", "C22")
@pytest.mark.parametrize("path", ["fitness/gates/tests.py", "daemon/state/journal.py"])
def test_who_judges_alone_waits_for_a_person(attacked: Ground, path: str) -> None:
    """Judged by main's gates, not by its own, and then not promoted by itself."""
    main = attacked.home.ask("status")["main"]
    plain = {MODULE: attacked.source(MODULE) + "\n\nMORE = 1\n"}
    trusted = attacked.judged(plain, "paths")["suite"]
    text = ALWAYS if path.startswith("fitness") else attacked.source(path) + "\n\nMORE = 1\n"
    told = attacked.evolved(**{path: text})
    assert told["outcome"] in ("awaiting-approval", "rejected"), told
    assert told["scorecard"] and told["scorecard"]["suite"] == trusted, told
    assert attacked.home.ask("status")["main"] == main


@shows("C1")
def test_a_lock_that_would_build_something_is_refused(attacked: Ground) -> None:
    """Its environment is made before any gate speaks, so it is refused before that."""
    lock = attacked.source("ops/requirements.lock") + "evil @ file:///tmp/evil\n"
    answered = attacked.home.orgctl("fitness", attacked.plant({"ops/requirements.lock": lock}))
    assert answered.code != 0
    assert "which is no package pinned by its hash" in answered.told


WEAKENED = {
    "removes a test": lambda text: text.split('@pytest.mark.parametrize("seconds"')[0],
    "skips a test": lambda text: text.replace("def test_what", "@pytest.mark.skip\ndef test_what"),
    "expects its failure": lambda text: text.replace(
        "def test_what", "@pytest.mark.xfail\ndef test_what"
    ),
    "renames a test": lambda text: text.replace("test_what_is_no_span", "test_another"),
    "hides it behind a marker": lambda text: text.replace(
        "def test_what", "@pytest.mark.docker\ndef test_what"
    ),
    "makes it empty": lambda text: text.replace("[-1, float", "[float"),
}


@shows("C2")
@pytest.mark.parametrize("name", WEAKENED)
def test_a_test_of_main_is_not_weakened(attacked: Ground, name: str) -> None:
    """Refused, and the test is named."""
    text = WEAKENED[name](attacked.source(TESTS))
    gate = attacked.refused({TESTS: text}, "own-tests" if "test_what" in text else "tests")
    assert NAMED in gate["reason"], gate


LEAVES = {
    "at import": IN_TESTS + "    import os\n    os._exit(0)\n",
    "at the first call": "def in_words(seconds):\n    import os\n\n    os._exit(0)\n",
    "when the run ends": IN_TESTS + "    import atexit, os\n    atexit.register(os._exit, 3)\n",
    "by a signal": IN_TESTS + "    import os\n    os.kill(os.getppid(), 9)\n    os.abort()\n",
}


@shows("C3")
@pytest.mark.parametrize("name", LEAVES)
def test_leaving_early_is_no_success(attacked: Ground, name: str) -> None:
    """A run that ends before every expected test has spoken has failed."""
    gate = attacked.refused(attacked.hostile(MODULE, LEAVES[name]), "tests")
    assert gate["name"] == "tests", gate


PLANTED = {
    "conftest": "tests/orchestrator/conftest.py",
    "customisation": "sitecustomize.py",
    "an entry point": "evil-1.dist-info/entry_points.txt",
    "a shadow of the library": "json.py",
    "compiled code": "daemon/orchestrator/uptime.cpython-311.pyc",
}


@shows("C4")
@pytest.mark.parametrize("name", PLANTED)
def test_what_is_loaded_unasked_is_not_taken(attacked: Ground, name: str) -> None:
    """Refused by its path; the variables of the same kind are set on the whole instance."""
    gate = attacked.refused({PLANTED[name]: "collect_ignore_glob = ['*']\n"}, "paths")
    assert gate["name"] == "paths"
    assert PLANTED[name] in gate["reason"]


PRINTS = (
    IN_TESTS
    + """
    import json, os, pathlib
    for name in ("/tmp/junit.xml", "/tmp/verdict.json", "/tmp/scorecard.json", "/tmp/report"):
        pathlib.Path(name).write_text('{"passed": true, "gates": []}')
    line = json.dumps({"scorecard": {"passed": True}}) + "\\n"
    for descriptor in (1, 2, 4):
        try:
            os.write(descriptor, line.encode())
        except OSError:
            pass
    print("7 passed in 0.01s", flush=True)
    os._exit(0)
"""
)
FORGES = (
    IN_TESTS
    + """
    import json, os
    names = ["test_less_than_a_minute_is_told_in_seconds[0-0 seconds]",
        "test_less_than_a_minute_is_told_in_seconds[1-1 second]",
        "test_less_than_a_minute_is_told_in_seconds[1.9-1 second]",
        "test_less_than_a_minute_is_told_in_seconds[59-59 seconds]",
        "test_what_is_no_span_is_refused[-1]", "test_what_is_no_span_is_refused[nan]",
        "test_what_is_no_span_is_refused[inf]"]
    lines = [{"id": "tests/orchestrator/test_uptime.py::" + name, "outcome": "passed", "text": ""}
        for name in names]
    said = "".join(json.dumps(line) + "\\n" for line in lines).encode()
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, said)
        except OSError:
            pass
    os._exit(0)
"""
)


@shows("C5")
@pytest.mark.parametrize("name", ["prints", "forges"])
def test_a_verdict_of_its_own_is_ignored(attacked: Ground, name: str) -> None:
    """Files, lines and reports on every descriptor it can find convince nobody."""
    text = PRINTS if name == "prints" else FORGES
    gate = attacked.refused(attacked.hostile(MODULE, text), "tests")
    assert gate["name"] == "tests", gate


PATCHES = """

import sys

if "pytest" in sys.modules:
    import _pytest.python
    import _pytest.runner

    sound = _pytest.python.Function.runtest
    known = (KNOWN)
    _pytest.python.Function.runtest = lambda self: self.path.name in known or sound(self)
"""


@shows("C6")
def test_with_pytest_overwritten_the_black_box_still_decides(attacked: Ground) -> None:
    """Every test of main's passes in the candidate's own process; its broken promise is seen."""
    broken = attacked.source(API).replace('"/v1/models"', '"/v1/model"')
    assert broken != attacked.source(API)
    all_pass = PATCHES.replace("KNOWN", "").replace("in known or sound(self)", "or True")
    gate = attacked.refused(attacked.hostile(MODULE, all_pass), "tests")
    assert "the run's own controls did not fail" in gate["reason"], gate
    # Whoever leaves alone what it does not know of is believed by its own process.
    names = ", ".join(repr(path.rsplit("/")[-1]) for path in KEPT_TESTS)
    patches = PATCHES.replace("KNOWN", names)
    changes = {API: broken} | attacked.hostile(MODULE, patches)
    assert attacked.judged(changes, "tests")["passed"]
    gate = attacked.refused(changes, "contract")
    assert gate["name"] == "contract", gate


LIES = {
    "another commit": '| {"commit": "0" * 40}',
    "current's commit": '| {"commit": "MAIN"}',
}


@shows("C7")
@pytest.mark.parametrize("name", LIES)
def test_a_false_identity_is_not_believed(attacked: Ground, name: str) -> None:
    """What answers on :7002 must be what was loaded there."""
    lie = (
        LIES[name] % {"main": attacked.home.ask("status")["main"]}
        if "%" in LIES[name]
        else LIES[name]
    )
    honest = "JSONResponse(health.identity())"
    app = attacked.source(APP).replace(honest, f"JSONResponse(health.identity() {lie})")
    gate = attacked.refused({APP: app}, "identity")
    assert gate["name"] == "identity", gate
