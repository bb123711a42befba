"""A key is switched on in an instance that lives: from then on its releases are signed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.journeys import service
from tests.journeys.instance import Home, running
from tests.journeys.test_other_repo import GOOD
from tests.model_server import say, scripted_model

pytestmark = pytest.mark.journey

SIGNED = ("release/1", "rollback/1")


def a_key(path: Path) -> Path:
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(argv, check=True)
    return path


def test_signing_is_switched_on(home: Home, tmp_path: Path) -> None:
    """What was judged without it is judged anew; a tag that loses its signature is named."""
    key = a_key(tmp_path / "key")
    goal = ("--protocol", "rewrite", "--module", "words.py", "--goal", "count words only")
    with scripted_model([say("```python\n" + GOOD + "```")]) as model:
        base = f"http://127.0.0.1:{model.server_address[1]}"
        extra = f'[model]\nbase = "{base}"\n[policy]\npromote = "ask"\n'
        with running(home, service.make(tmp_path / "service"), extra):
            judged = home.ask("evolve", "--wait", *goal)
            unsigned = home.ask("show", judged["candidate"])["merge"]
            home.ask("down", "--yes")
            key.chmod(0o644)
            home.write_settings(extra + f'[signing]\nkey = "{key}"\n')
            home.ask("up")  # what serves is not kept waiting for a key
            assert home.ask("status")["frozen"]
            refused = home.orgctl("promote", judged["candidate"], "--yes")
            assert refused.code == 3 and f"{key} can be read by others" in refused.told, refused
            key.chmod(0o600)
            home.ask("reload")
            promoted = home.ask("promote", judged["candidate"], "--yes")
            assert unsigned and promoted["commit"] != unsigned
            home.ask("rollback", "--yes")
            home.agrees()
            public = key.with_suffix(".pub").read_text()
            (tmp_path / "allowed").write_text(f"org@localhost {public}")
            with_it = ("-c", f"gpg.ssh.allowedSignersFile={tmp_path}/allowed")
            for tag in SIGNED:
                home.git(*with_it, "verify-tag", tag)
                home.git(*with_it, "verify-commit", f"{tag}^{{commit}}")
            home.git("tag", "-f", "-a", "-m", "by another hand", "rollback/1", "main")
            found = home.orgctl("verify", "--json")
            assert found.code == 1
            named = "refs/tags/rollback/1 is not signed by a key that is allowed to"
            assert named in found.json["problems"]
