"""Settings: flags > environment > $ORG_HOME/org.toml > /etc/org/org.toml > defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from daemon.core.probation import Limits
from daemon.state.sections import Budgets, Notify, Schedule, Section, Signing, Traces, Web
from ops.errors import Refused

SYSTEM_FILE = Path("/etc/org/org.toml")
OF_THE_REPO = ("serve", "gates", "protected")  # of an evolved repo, in an org.toml of its own
# The two names that Ollama's users already have in their shells.
ALIASES = {"OLLAMA_BASE": ("model", "base"), "OLLAMA_MODEL": ("model", "name")}


class Ports(Section):
    host: str = "127.0.0.1"
    current: int = Field(default=7001, ge=0, le=65535)
    candidate: int = Field(default=7002, ge=0, le=65535)


# provider: where it listens when nothing else is said, and what its key is called
PROVIDERS = {
    "ollama": ("http://127.0.0.1:11434", "OLLAMA_API_KEY"),
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "anthropic": ("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    "lmstudio": ("http://127.0.0.1:1234", "LMSTUDIO_API_KEY"),
    "llama-server": ("http://127.0.0.1:8080", "LLAMA_API_KEY"),
    "recorded": ("http://127.0.0.1:9", "OPENAI_API_KEY"),  # nobody listens there
}


class Model(Section):
    """Where the model is; `provider` names the wire protocol.

    Without one it is OpenAI's, which most servers speak, at Ollama's address.
    """

    provider: Literal["ollama", "openai", "anthropic", "lmstudio", "llama-server", "recorded"] = (
        "openai"
    )
    base: str = "http://127.0.0.1:11434"
    name: str = ""
    others: tuple[str, ...] = Field(default=(), description="asked when the first one fails")
    context_tokens: int = Field(default=0, ge=0, description="0: as the server says, if it does")
    session: str | None = Field(
        default=None, description="replay this recording instead of a model"
    )
    key_variable: str = "OPENAI_API_KEY"
    connect_seconds: float = 3.0
    idle_seconds: float = 120.0
    input_price: float | None = Field(default=None, ge=0, description="per million tokens")
    output_price: float | None = Field(default=None, ge=0, description="per million tokens")

    @model_validator(mode="before")
    @classmethod
    def _by_provider(cls, values: Any) -> Any:
        """A provider that is named brings its address and its key's name."""
        known = PROVIDERS.get(str(values.get("provider"))) if isinstance(values, dict) else None
        if known is None:
            return values
        return {"base": known[0], "key_variable": known[1], **values}


class Author(Section):
    protocol: str = "auto"
    model: str = Field(default="", description="`NAME/MODEL`, or one of model.others")
    models: tuple[str, ...] = Field(default=(), description="several, to choose from by what paid")
    steps_max: int = Field(default=40, ge=1, le=1000)
    rounds_max: int = Field(default=5, ge=1, le=50)
    tokens_max: int = Field(default=400_000, ge=1)
    money_max: float | None = Field(default=None, gt=0, description="in the prices' currency")
    wall_seconds: float = 1800.0
    namespace: str = Field(default="", description="offer only its tools")
    tool_tokens_max: int = Field(default=2_000, ge=100, description="for telling of all tools")
    small_tool_tokens_max: int = Field(default=100, ge=50, description="the same, a small model")
    loose: bool = Field(default=False, description="guess calls from the prose of small models")

    @property
    def wanted(self) -> tuple[str, ...]:
        """The models to choose from; empty text is the main endpoint's own."""
        return (self.model,) if self.model or not self.models else self.models


class Cells(Section):
    backend: str = Field(default="bubblewrap", pattern="^(bubblewrap|docker|none)$")
    memory_bytes: int = 4 * 2**30
    processes: int = 256
    open_files: int = 4096
    file_bytes: int = 2 * 2**30
    output_bytes: int = 8 * 2**20
    disk_bytes: int = 2 * 2**30


class Probation(Section):
    seconds: float = Field(default=300.0, ge=0)
    look_every_seconds: float = Field(default=1.0, gt=0)
    limits: Limits = Limits()


class Policy(Section):
    promote: str = Field(default="auto", pattern="^(auto|ask)$")
    disk_free_bytes: int = 200 * 2**20
    judging_tokens_max: int = Field(
        default=20_000, ge=0, description="what a candidate may spend while it is judged"
    )


class Keep(Section):
    """What `gc` leaves of what nobody needs any more; what is in use is never touched."""

    days: float = Field(default=90.0, ge=0)
    releases: int = Field(default=10, ge=0)
    venvs: int = Field(default=4, ge=0)
    candidates: int = Field(default=1000, ge=0, description="ended ones: branches, evidence")
    workspaces: int = Field(default=3, ge=0)
    backups: int = Field(default=7, ge=1, description="of those that the clock takes")
    room_bytes: int = Field(default=10 * 2**30, ge=0, description="of each of the rooms on disk")
    log_bytes: int = Field(default=16 * 2**20, ge=4096)
    logs: int = Field(default=3, ge=0, description="old ones of each log")
    every_hours: float = Field(default=6.0, ge=0, description="0: only when asked")


class Serve(Section):
    """How another repo's release is served: the command takes the listening socket as fd 3."""

    command: tuple[str, ...] = ()
    health: str = "/healthz"
    start_seconds: float = 30.0
    drain_seconds: float = Field(default=10.0, ge=0, le=3600)
    control: bool = Field(default=False, description="speaks ready/drain/resume/stop on fd 4")


class GateCommand(Section):
    """A gate of another repo: a command run in a cell in the candidate's tree; exit 0 passes."""

    name: str
    command: tuple[str, ...]
    limit_seconds: float = 300.0


class Fetch(Section):
    """What agents may read of the web: hosts, `*.example.org`, `host:port`; none by default."""

    allow: tuple[str, ...] = ()


class Session(Section):
    tmux: str = "org"


class Settings(BaseSettings):
    """All settings of one instance."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="ORG_", env_nested_delimiter="__"
    )
    ports: Ports = Ports()
    model: Model = Model()
    providers: dict[str, Model] = {}
    author: Author = Author()
    cells: Cells = Cells()
    probation: Probation = Probation()
    policy: Policy = Policy()
    schedule: Schedule = Schedule()
    budget: Budgets = Budgets()
    keep: Keep = Keep()
    session: Session = Session()
    web: Web = Web()
    notify: Notify = Notify()
    fetch: Fetch = Fetch()
    traces: Traces = Traces()
    signing: Signing = Signing()

    def endpoint(self, name: str) -> Model:
        """Where the model of this name is asked: `NAME/MODEL` at the provider NAME."""
        return self.providers.get(name.partition("/")[0], self.model)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `load` hands over the layers that stand above and below the environment.
        layers = getattr(init_settings, "init_kwargs", {})
        above = InitSettingsSource(settings_cls, layers.get("flags", {}))
        below = InitSettingsSource(settings_cls, layers.get("files", {}))
        return (above, env_settings, below)


def _merge(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(under.get(key), dict):
            _merge(under[key], value)
        else:
            under[key] = dict(value) if isinstance(value, Mapping) else value
    return under


def read_toml(path: Path) -> dict[str, Any]:
    """The file's table; a missing file is empty. A broken one is refused by file and line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: {error}", f"mend {path} and try again") from error


def line_of(path: Path, keys: tuple[str, ...]) -> int | None:
    """The line that sets `keys`, for error messages; None when it cannot be told."""
    table = ""
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.strip()
        if line.startswith("["):
            table = line.strip("[]").strip()
            if table == ".".join(keys):
                return number
        elif "=" in line:
            key = line.split("=", 1)[0].strip()
            if ".".join(filter(None, (table, key))) == ".".join(keys):
                return number
    return None


def explain(error: ValidationError, files: tuple[Path, ...]) -> Refused:
    """One sentence naming file, line and key of the first thing that is wrong."""
    first = error.errors()[0]
    keys = tuple(str(part) for part in first["loc"])
    key = ".".join(keys)
    said = "is not a setting" if first["type"] == "extra_forbidden" else first["msg"]
    for path in files:
        if path.exists() and (line := line_of(path, keys)) is not None:
            return Refused(f"{path}, line {line}: {key}: {said}", f"mend line {line} of {path}")
    return Refused(f"setting {key}: {said}", "see the settings in README.md")


def _from_aliases(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (section, key) in ALIASES.items():
        if environment.get(name):
            found.setdefault(section, {})[key] = environment[name]
    return found


def load(home: Path, flags: Mapping[str, Any] | None = None) -> Settings:
    """Settings of the instance at `home`. Raises Refused on anything that does not fit."""
    files = (home / "org.toml", SYSTEM_FILE)
    values: dict[str, Any] = {}
    for path in reversed(files):
        _merge(values, read_toml(path))
    for section in OF_THE_REPO:  # read from the evolved repo's own org.toml
        values.pop(section, None)
    above = _merge(_from_aliases(os.environ), flags or {})
    try:
        layers: dict[str, Any] = {"flags": above, "files": values}
        return Settings(**layers)
    except ValidationError as error:
        raise explain(error, files) from error


PART = r"\.?[\w-][\w.-]*"  # of a path that leads to nowhere outside
Inside = Annotated[str, Field(pattern=f"^{PART}(/{PART})*$")]


class RepoSettings(Section):
    """What an evolved repo's own org.toml says of serving and judging it."""

    serve: Serve = Serve()
    gates: tuple[GateCommand, ...] = ()
    protected: tuple[Inside, ...] = ()  # judged as main has them, and changed with a person's yes


def load_repo(text: str, origin: Path) -> RepoSettings:
    """From the org.toml on the evolved repo's trusted branch. Raises Refused."""
    try:
        values = tomllib.loads(text)
        return RepoSettings(**{k: v for k, v in values.items() if k in OF_THE_REPO})
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"{origin}: {error}", f"mend {origin} and commit") from error
    except ValidationError as error:
        raise explain(error, ()) from error
