"""The change touches only what a change may touch.

Why: a candidate that could edit its judge, plant a file that tests load by
themselves, or carry a secret out would win before anything else is asked.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from fitness.policy import mixed
from fitness.subject import Subject
from fitness.verdict import Verdict, failed, passed
from ops.records import Change

NAME = "paths"
QUESTION = "Does the change touch only what a change may touch?"
STAGE = "hygiene"
LIMIT_SECONDS = 30.0
SERVED = False
CHANGES_MAX = 2_000
BLOB_BYTES_MAX = 4 * 2**20
PLAIN_MODES = frozenset({"100644", "100755", "000000"})
# Python and pytest load these by themselves; only main may have them.
LOADED_UNASKED = frozenset(
    {"conftest.py", "sitecustomize.py", "usercustomize.py", "pytest.ini", "tox.ini", "setup.cfg"}
)
LOADED_SUFFIXES = (".pth", ".pyc", ".so", ".egg-link")
SECRETS = (
    re.compile(rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----"),
    re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    re.compile(rb"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{32}"),
)


def judge(subject: Subject) -> Verdict:
    changes = subject.changes()
    if not changes:
        return failed(NAME, "nothing was changed")
    if len(changes) > CHANGES_MAX:
        return failed(NAME, f"{len(changes)} files changed; the most is {CHANGES_MAX}")
    for change in changes:
        if (reason := _objection(subject, change)) is not None:
            return failed(NAME, f"{change.path} {reason}", path=change.path)
    if subject.job.kind == "org" and (pair := mixed(change.path for change in changes)):
        text = f"{pair[0]} is protected and may not be changed together with {pair[1]}"
        return failed(NAME, text, protected=pair[0], other=pair[1])
    return passed(NAME, f"{len(changes)} files", paths=[change.path for change in changes])


def _objection(subject: Subject, change: Change) -> str | None:
    name = PurePosixPath(change.path).name
    if change.new_mode not in PLAIN_MODES:
        return "is no plain file"
    if change.status == "A" and (name in LOADED_UNASKED or name.endswith(LOADED_SUFFIXES)):
        return "would be loaded unasked"
    if change.status == "M" and name in LOADED_UNASKED:
        return "is loaded unasked, so a candidate may not change it"
    if change.status == "D":
        return None
    data = subject.history.blobs([change.new])[0]
    if len(data) > BLOB_BYTES_MAX:
        return f"is larger than {BLOB_BYTES_MAX // 2**20} MiB"
    if any(secret.search(data) for secret in SECRETS):
        return "holds what looks like a secret key"
    return None
