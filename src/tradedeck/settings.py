"""What the host's environment says, read once by each entry point and passed down.

Owns the table of environment variables, their defaults and the layout of the home folder.
Never: versioned configuration (that is `desired`), and no code below the entry points reads
the environment. The values of arming variables are kept as they were written: `modes` judges them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tradedeck.kernel.errors import Code, Fault, TradedeckError

FRAMES_PREFIX = "LIVE_FRAMES_PATH_"
ENV_FILE = ".env"
_ENV_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")


def _flag(value: object) -> object:
    """`true` or `false` and nothing else: who arms something must not be guessed at."""
    if isinstance(value, str):
        known = {"true": True, "false": False}.get(value.strip().lower())
        if known is None:
            msg = "must be true or false"
            raise ValueError(msg)
        return known
    return value


def _strip(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


Flag = Annotated[bool, BeforeValidator(_flag)]
Text = Annotated[str, BeforeValidator(_strip)]
Folder = Annotated[Path, AfterValidator(_absolute)]


def default_home() -> Path:
    """`./runtime` in a checkout, the platform's data folder where the program is installed."""
    here = Path.cwd()
    if (here / "pyproject.toml").is_file() and (here / "src" / "tradedeck").is_dir():
        return here / "runtime"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "tradedeck"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "tradedeck"
    data = os.environ.get("XDG_DATA_HOME", "")
    return (Path(data) if data else Path.home() / ".local" / "share") / "tradedeck"


class Settings(BaseSettings):
    """Every variable, its default and what it means; `docs/reference/environment.md` is made here.

    `paths` of files follow from `home`. Field aliases are the names in the environment.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    home: Folder = Field(
        default_factory=default_home,
        alias="TRADEDECK_HOME",
        description="Folder of all state. Default: `./runtime` in a checkout, the platform's "
        "data folder when installed.",
    )
    host: Text = Field(
        "127.0.0.1",
        alias="TRADEDECK_HOST",
        min_length=1,
        max_length=253,
        description="Address the api listens on. Loopback unless you put TLS in front of it.",
    )
    port: int = Field(
        8787,
        alias="TRADEDECK_PORT",
        ge=0,
        le=65535,
        description="Port of the api and the cockpit; 0 takes a free one.",
    )
    store_url: Text = Field(
        "",
        alias="TRADEDECK_STORE_URL",
        max_length=2_000,
        description="PostgreSQL database of the store, `postgresql://role@host/database`. May "
        "hold a secret. Unset: SQLite in the home.",
    )
    audit_witnesses: Text = Field(
        "",
        alias="TRADEDECK_AUDIT_WITNESSES",
        description="Verifier keys of the witnesses of the audit log (`tradedeck witness key`), "
        "separated by spaces. Only what one of them signed is kept beside the log.",
    )
    control_per_minute: int = Field(
        600,
        alias="TRADEDECK_CONTROL_PER_MINUTE",
        ge=1,
        le=1_000_000,
        description="Acts a minute of one session or token, a fifth of it at once. What stops is "
        "never counted.",
    )
    sign_in_per_minute: int = Field(
        30,
        alias="TRADEDECK_SIGN_IN_PER_MINUTE",
        ge=1,
        le=1_000_000,
        description="Failed sign-ins a minute from one address, twice as many at once.",
    )
    reads_per_minute: int = Field(
        6_000,
        alias="TRADEDECK_READS_PER_MINUTE",
        ge=1,
        le=10_000_000,
        description="Reads a minute of one session or token that are not answered from memory, a "
        "sixth of it at once.",
    )
    trading_mode: Text = Field(
        "",
        alias="TRADING_MODE",
        pattern="^(|paper|live)$",
        description="`paper` or `live`; unset is `paper`. It is a ceiling: alone it arms nothing.",
    )
    live_trading: Flag = Field(
        default=False,
        alias="LIVE_TRADING",
        description="Must be `true` as one of the conditions of live trading.",
    )
    live_trading_confirm: Flag = Field(
        default=False,
        alias="LIVE_TRADING_CONFIRM",
        description="Must be `true` too, so that no single slip arms anything.",
    )
    paper_execution_enabled: Flag = Field(
        default=False,
        alias="PAPER_EXECUTION_ENABLED",
        description="`true` lets paper accounts execute; otherwise strategies only give signals.",
    )
    strict_live_mode: Flag = Field(
        default=True,
        alias="STRICT_LIVE_MODE",
        description="`true`: a live input that is missing fails the start. `false`: it blocks "
        "execution. Never a silent fall back to replay.",
    )
    broker_network: Flag = Field(
        default=False,
        alias="BROKER_NETWORK",
        description="`true` permits connections to brokers, even for prices only.",
    )
    runtime_data_mode: Text = Field(
        "",
        alias="RUNTIME_DATA_MODE",
        pattern="^(|replay|live_file)$",
        description="`replay` or `live_file`: overrides the kind of every feed. Unset: as "
        "configured.",
    )
    live_file_refresh_ms: int = Field(
        1000,
        alias="LIVE_FILE_REFRESH_MS",
        ge=10,
        le=3_600_000,
        description="How often a `live_file` feed looks for new frames.",
    )
    live_file_stale_ms: int = Field(
        60_000,
        alias="LIVE_FILE_STALE_MS",
        ge=100,
        le=86_400_000,
        description="Age from which the newest frame of a `live_file` feed is stale.",
    )
    log_file_path: Text = Field(
        "",
        alias="LOG_FILE_PATH",
        description="Also write the log of the process to this file. Unset: "
        "`$TRADEDECK_HOME/logs/<process>.jsonl` only.",
    )
    max_iterations: int = Field(
        0,
        alias="MAX_ITERATIONS",
        ge=0,
        le=1_000_000_000,
        description="Stop the runner after so many cycles; 0: never.",
    )
    callback_deadline_ms: int = Field(
        1000,
        alias="TRADEDECK_CALLBACK_DEADLINE_MS",
        ge=10,
        le=60_000,
        description="How long one callback of a strategy may take before its process is killed.",
    )
    strategy_memory_mb: int = Field(
        512,
        alias="TRADEDECK_STRATEGY_MEMORY_MB",
        ge=64,
        le=65_536,
        description="Memory in MiB that the process of one strategy may add.",
    )
    strategies: Folder | None = Field(
        None,
        alias="TRADEDECK_STRATEGIES",
        description="Folder of your own strategies. Default: `$TRADEDECK_HOME/strategies`.",
    )
    runner: Text = Field(
        "local",
        alias="TRADEDECK_RUNNER",
        pattern="^[a-z0-9][a-z0-9_-]{0,30}$",
        description="Id of the runner on this host.",
    )
    watchdog_s: float = Field(
        5.0,
        alias="TRADEDECK_WATCHDOG_S",
        ge=0,
        le=600,
        allow_inf_nan=False,
        description="A process whose working loop says nothing for so long is killed and started "
        "again; 0: never.",
    )
    cpu_latency_us: int | None = Field(
        None,
        alias="TRADEDECK_CPU_LATENCY_US",
        ge=0,
        le=1_000_000,
        description="The runner keeps this host's CPUs from sleeping so deeply that they take "
        "longer than so many microseconds to wake; 0: awake. Linux, and only where it may open "
        "`/dev/cpu_dma_latency`. Unset: as the host does.",
    )
    loosening_wait_s: float = Field(
        60.0,
        alias="TRADEDECK_LOOSENING_WAIT_S",
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="How long a loosened limit or a lifted halt waits before it applies, "
        "cancellable meanwhile.",
    )
    session_hours: float = Field(
        12.0,
        alias="TRADEDECK_SESSION_HOURS",
        gt=0,
        le=24,
        allow_inf_nan=False,
        description="Longest life of a browser session.",
    )
    session_idle_minutes: float = Field(
        30.0,
        alias="TRADEDECK_SESSION_IDLE_MINUTES",
        gt=0,
        le=60,
        allow_inf_nan=False,
        description="A session unused for so long ends.",
    )
    origin: Text = Field(
        "",
        alias="TRADEDECK_ORIGIN",
        pattern=r"^(|https://[a-zA-Z0-9.-]+(:[0-9]+)?)$",
        description="`https://…` of the cockpit as people open it, for passkeys and providers.",
    )
    oidc_issuer: Text = Field(
        "",
        alias="TRADEDECK_OIDC_ISSUER",
        pattern=r"^(|https://\S+|http://(localhost|127\.0\.0\.1):[0-9]+\S*)$",
        description="Issuer of an OpenID Connect provider by which people may sign in too.",
    )
    oidc_client_id: Text = Field(
        "",
        alias="TRADEDECK_OIDC_CLIENT_ID",
        max_length=200,
        description="What the provider calls this program (`docs/concepts/people.md`).",
    )
    oidc_client_secret: Text = Field(
        "",
        alias="TRADEDECK_OIDC_CLIENT_SECRET",
        repr=False,
        description="The provider's secret for this program, where it demands one.",
    )
    oidc_name: Text = Field(
        "single sign-on",
        alias="TRADEDECK_OIDC_NAME",
        description="What the sign-in page calls the provider.",
    )
    step_up_minutes: float = Field(
        5.0,
        alias="TRADEDECK_STEP_UP_MINUTES",
        gt=0,
        le=60,
        allow_inf_nan=False,
        description="How long a second factor that was shown lets a person do dangerous acts.",
    )
    mfa_roles: Text = Field(
        "risk admin",
        alias="TRADEDECK_MFA_ROLES",
        pattern="^((viewer|operator|risk|admin)( +|$))*$",
        description="Roles that need a second factor for all but looking and stopping.",
    )
    guard: Text = Field(
        "required",
        alias="TRADEDECK_GUARD",
        pattern="^(required|optional)$",
        description="`required`: a runner without its guard may reduce, not enter. `optional`: "
        "a bare runner trades without one.",
    )
    guard_silent_s: float = Field(
        3.0,
        alias="TRADEDECK_GUARD_SILENT_S",
        gt=0,
        le=600,
        allow_inf_nan=False,
        description="A guard that has answered no beat of its runner for so long counts as absent: "
        "entries wait.",
    )
    guard_on_silence: Text = Field(
        "cancel_and_flatten",
        alias="TRADEDECK_GUARD_ON_SILENCE",
        pattern="^(cancel_and_flatten|cancel|none)$",
        description="What the guard does when the runner is silent, where the account's own "
        "configuration does not say.",
    )
    guard_cancel_after_s: float = Field(
        10.0,
        alias="TRADEDECK_GUARD_CANCEL_AFTER_S",
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="Silence of the runner after which the guard cancels what could open.",
    )
    guard_flatten_after_s: float = Field(
        60.0,
        alias="TRADEDECK_GUARD_FLATTEN_AFTER_S",
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="Silence of the runner after which the guard flattens.",
    )
    guard_notify: Text = Field(
        "",
        alias="TRADEDECK_GUARD_NOTIFY",
        max_length=2_000,
        pattern=r"^(|https?://\S+)$",
        description="Webhook that the guard itself posts JSON to when a kill begins or ends, a "
        "runner is silent, a drill fails. May hold a secret.",
    )
    guard_notify_command: Text = Field(
        "",
        alias="TRADEDECK_GUARD_NOTIFY_COMMAND",
        max_length=1_000,
        description="Executable of the host that gets the same JSON on its standard input.",
    )
    lift_wait_s: float = Field(
        60.0,
        alias="TRADEDECK_LIFT_WAIT_S",
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="How long the guard waits before a lifted halt is lifted, cancellable "
        "meanwhile.",
    )
    drill_every_h: float = Field(
        168.0,
        alias="TRADEDECK_DRILL_EVERY_H",
        ge=0,
        le=8_760,
        allow_inf_nan=False,
        description="How often the guard drills a kill on an account of its own at the paper "
        "exchange; 0: never by itself.",
    )
    frames: Mapping[str, str] = Field(
        default_factory=dict,
        alias="LIVE_FRAMES_PATH",
        description="`LIVE_FRAMES_PATH_<market>`: file of frames that a `live_file` feed of that "
        "market tails.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        *sources: PydanticBaseSettingsSource,
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` gives: it alone decides what the environment is."""
        return (named["init_settings"],) if "init_settings" in named else sources[:1]

    @property
    def store_path(self) -> Path:
        """The database of the api."""
        return self.home / "store" / "tradedeck.db"

    @property
    def audit_path(self) -> Path:
        """Folder of the audit log's tree."""
        return self.home / "audit"

    @property
    def keys_path(self) -> Path:
        """Folder of keys, 0700."""
        return self.home / "keys"

    @property
    def run_path(self) -> Path:
        """Folder of sockets, pid files and the bus's configuration."""
        return self.home / "run"

    @property
    def strategies_path(self) -> Path:
        """Folder of the user's own strategies."""
        return self.strategies if self.strategies is not None else self.home / "strategies"


def read_env_file(path: Path) -> dict[str, str]:
    """The assignments in an env file; comments, `export` and quotes are understood.

    Raises:
        TradedeckError: INVALID_SETTING, with the line that is none.
    """
    if not path.is_file():
        return {}
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _ENV_LINE.match(line)
        if match is None:
            raise TradedeckError(
                Code.INVALID_SETTING,
                f"{path.name}, line {number}: was not of the form NAME=value.",
                hint="Write one assignment on each line; comments begin with #.",
            )
        name, value = match[1], match[2]
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
        found[name] = value[1:-1] if quoted else re.sub(r"\s+#.*$", "", value)
    return found


def load(environ: Mapping[str, str] | None = None, *, env_file: Path | None = None) -> Settings:
    """The settings of this process: the environment over the env file over the defaults.

    Args:
        environ: the environment; the process's own when None.
        env_file: by default `.env` in the working folder, then in the home.

    Raises:
        TradedeckError: INVALID_SETTING, one sentence that names the variable.
    """
    given = dict(os.environ if environ is None else environ)
    values = read_env_file(env_file if env_file is not None else Path(ENV_FILE)) | given
    if env_file is None and values.get("TRADEDECK_HOME"):
        values = read_env_file(Path(values["TRADEDECK_HOME"]) / ENV_FILE) | values
    known: dict[str, Any] = {
        str(field.alias): values[str(field.alias)]
        for field in Settings.model_fields.values()
        if values.get(str(field.alias), "") != ""
    }
    known["LIVE_FRAMES_PATH"] = {
        name.removeprefix(FRAMES_PREFIX): value
        for name, value in values.items()
        if name.startswith(FRAMES_PREFIX) and value
    }
    try:
        settings = Settings.model_validate(known)
    except ValidationError as error:
        raise invalid(error) from None
    _ordered(settings)
    return settings


def _ordered(settings: Settings) -> None:
    """Of the guard's two times one may be left out, and follows; both given, they must fit."""
    given = {"guard_cancel_after_s", "guard_flatten_after_s"} <= settings.model_fields_set
    if given and settings.guard_flatten_after_s < settings.guard_cancel_after_s:
        raise TradedeckError(
            Code.INVALID_SETTING,
            "The environment variable TRADEDECK_GUARD_FLATTEN_AFTER_S was not valid: it is before "
            "TRADEDECK_GUARD_CANCEL_AFTER_S.",
            hint="Leave one of the two out: it follows the other.",
        )


def invalid(error: ValidationError) -> TradedeckError:
    """One sentence for people out of pydantic's report."""
    faults = tuple(
        Fault(str(item["loc"][0]), item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_url=False, include_input=False)
    )
    first = faults[0]
    return TradedeckError(
        Code.INVALID_SETTING,
        f"The environment variable {first.path} was not valid: {first.reason}.",
        hint="docs/reference/environment.md lists every variable.",
        faults=faults,
    )
