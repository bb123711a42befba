"""org with containers for walls: the same life, the same verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys import service
from tests.journeys.instance import Home, running
from tests.model_server import say, scripted_model
from tests.ops.engine import engine

pytestmark = pytest.mark.docker

GOOD = '''"""Counting."""


def count(path):
    """How many words `path` has, separated by slashes; nothing between two is no word."""
    return len([word for word in path.split("/") if word])
'''
LEAVES = GOOD + "\n\nimport sys\n\nif 'unittest' in sys.modules:\n    import os\n\n    os.abort()\n"
REWRITE = ("--protocol", "rewrite", "--module", "words.py", "--goal", "count words only")


def test_a_service_evolves_between_containers(home: Home, tmp_path: Path) -> None:
    """Served, written, judged, promoted and taken back, and a cheat is refused; nothing is left."""
    replies = [say("```python\n" + text + "```") for text in (LEAVES, GOOD)]
    with engine() as host, scripted_model(replies) as model:
        home.environment["DOCKER_HOST"] = host
        base = f"http://127.0.0.1:{model.server_address[1]}"
        extra = f'[model]\nbase = "{base}"\n[author]\nrounds_max = 1\n[cells]\nbackend = "docker"\n'
        with running(home, service.make(tmp_path / "service"), extra):
            assert home.get("/a/b").json() == {"count": 3}
            assert home.orgctl("evolve", "--wait", "--json", *REWRITE).code == 1
            assert home.get("/a/b").json() == {"count": 3}
            done = home.ask("evolve", "--wait", *REWRITE)
            assert done["outcome"] == "promoted", done
            assert home.get("/a/b").json() == {"count": 2}
            home.ask("rollback", "--yes")
            assert home.get("/a/b").json() == {"count": 3}
            checks = {one["name"]: one for one in home.ask("doctor")["checks"]}
            assert checks["cells"]["detail"].startswith("docker:")
        import docker

        assert docker.APIClient(base_url=host).containers(all=True) == []
