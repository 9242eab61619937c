"""Settings: one frozen, typed object read from ``TIDEGATE_*`` once. Nothing else reads the environment.

Secrets come from files (``…_FILE``) so that they are in neither the environment nor a process list.
"""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, Field, HttpUrl, IPvAnyNetwork, PositiveFloat, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from control_plane import setting_names
from control_plane.domain.errors import InvalidInput, Mistake, Place

_POSTGRES = re.compile(r"^postgres(ql)?://")  # as most operators write it; SQLAlchemy wants its driver named
Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


class Settings(BaseSettings):
    """Every setting with its unit and default. The name in the environment is ``TIDEGATE_`` + the upper-case field name."""

    model_config = SettingsConfigDict(env_prefix="TIDEGATE_", frozen=True, extra="ignore")

    data_dir: Folder = Field(
        default=Path("~/.local/share/tidegate"),
        validate_default=True,
        description="database, keys, channel files, evidence",
    )
    cache_dir: Folder = Field(
        default=Path("~/.cache/tidegate"),
        validate_default=True,
        description="binaries and images that can be made again",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL; default: SQLite in data_dir. A password belongs in database_password_file",
    )
    database_url_file: Folder | None = Field(
        default=None, description="file with the database URL, its password included; wins over database_url"
    )
    database_password_file: Folder | None = Field(default=None, description="file with the database password")
    broker_url: str = Field(default="memory://", description="Celery broker; memory:// runs tasks in this process")
    broker_url_file: Folder | None = Field(
        default=None, description="file with the broker's URL, its password included; wins over broker_url"
    )

    host: str = Field(default="127.0.0.1", description="address the web server listens on")
    port: PositiveInt = Field(default=8080, le=65535, description="port of the web server")
    also_listen: tuple[str, ...] = Field(
        default=(), description="further addresses for agents, e.g. the host's end of a local cluster's link"
    )
    public_url: HttpUrl | None = Field(
        default=None, description="address that people and agents use; default: http://HOST:PORT"
    )
    allowed_hosts: tuple[str, ...] = Field(default=(), description="further Host headers that are answered")
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description='networks of reverse proxies that are believed about who calls, as JSON: ["10.0.0.0/8"]',
    )
    secure_cookies: bool = Field(default=False, description="cookies over HTTPS only; set it when public_url is https")
    web_threads: PositiveInt = Field(default=4, description="threads that answer pages")

    registry_mirrors: dict[str, str] = Field(
        default={}, description='where registry hosts are read, as JSON: {"*": "http://127.0.0.1:5000"}'
    )
    cluster_registry_mirrors: dict[str, str] = Field(
        default={}, description="the same as seen from inside rehearsal clusters; default: registry_mirrors"
    )
    registry_timeout: PositiveFloat = Field(default=10.0, description="seconds to wait for a registry's answer")
    accounts_file: Folder | None = Field(
        default=None, description="YAML list of accounts per host, path and application: docs/credentials.md"
    )
    secrets_key_file: Folder | None = Field(
        default=None, description="file with the key that seals stored accounts; default: secrets.key in data_dir"
    )
    docker_config: Folder = Field(
        default=Path("~/.docker/config.json"),
        validate_default=True,
        description="docker's config.json, or a mounted dockerconfigjson: accounts and credential helpers",
    )
    host_budgets: dict[str, tuple[PositiveFloat, PositiveInt]] = Field(
        default={},
        description='requests per second and hour by host, as JSON: {"ghcr.io": [5, 10000], "*": [50, 100000]}',
    )
    helm: str = Field(default="helm", description="the Helm program")
    kubectl: str = Field(default="kubectl", description="the kubectl program: it renders kustomizations")
    git_ssh_key_file: Folder | None = Field(
        default=None, description="private key for git over SSH; default: the user's own keys"
    )
    git_known_hosts_file: Folder | None = Field(
        default=None, description="host keys that git over SSH believes; default: the user's own known_hosts"
    )

    signs: bool = Field(
        default=True,
        description="this process has the signing keys; false: it only reads what was published (web, rehearsals)",
    )
    root_key_file: Folder | None = Field(
        default=None, description="the root key, kept apart from data_dir, e.g. a mounted secret that may be taken away"
    )
    online_key_file: Folder | None = Field(default=None, description="the online key, kept apart from data_dir")

    rehearsal_provider: Literal["kind", "existing"] = Field(default="kind", description="where releases are rehearsed")
    rehearsal_kubeconfig: Folder | None = Field(default=None, description="kubeconfig for rehearsal_provider=existing")
    rehearsal_context: str | None = Field(default=None, description="context for rehearsal_provider=existing")
    rehearsal_workers: PositiveInt = Field(default=1, description="rehearsals at the same time in one worker process")
    warm_clusters: int = Field(
        default=0, ge=0, description="throw-away clusters made ahead, frozen until used; 0.5 GiB each"
    )
    rehearsal_attempts: PositiveInt = Field(default=3, description="tries before an errored release waits for a person")
    evidence_days: int = Field(
        default=90, gt=0, le=36_500, description="days that evidence is kept of rehearsals whose release is not in use"
    )
    lease_seconds: PositiveFloat = Field(default=30.0, description="a worker that is silent for so long is lost")
    sweep_seconds: PositiveFloat = Field(
        default=1.0,
        description="seconds between two searches for places that are due, and for work that lost its message",
    )

    heartbeat_file: Folder | None = Field(
        default=None, description="file that worker and beat touch every few seconds while they work, for health checks"
    )

    silent_after_seconds: PositiveFloat = Field(
        default=600.0, description="a cluster that did not call for so long is silent"
    )
    webhook_secret_file: Folder | None = Field(
        default=None, description="file with the secrets that webhooks may send, one per line"
    )
    webhook_secrets_dir: Folder | None = Field(
        default=None, description="folder with a file like it per vendor, e.g. github; else webhook_secret_file counts"
    )
    webhook_body_limit: PositiveInt = Field(default=1_000_000, description="bytes of a webhook that are read at most")

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severe level logged"
    )
    log_format: Literal["console", "json"] = Field(default="console", description="for people or for machines")

    @property
    def database(self) -> str:
        """SQLAlchemy URL with its password, if any. Never log it."""
        url = _secret(self.database_url_file) or self.database_url
        if url is None:
            return f"sqlite:///{self.data_dir / 'tidegate.sqlite3'}"
        url = _POSTGRES.sub("postgresql+psycopg://", url)
        password = _secret(self.database_password_file)
        return url.replace("@", f":{quote(password, safe='')}@", 1) if password else url

    @property
    def broker(self) -> str:
        """Celery's broker URL with its password, if any. Never log it."""
        return _secret(self.broker_url_file) or self.broker_url

    @property
    def is_embedded(self) -> bool:
        """Tasks run in this very process."""
        return self.broker.startswith("memory://")

    @property
    def url(self) -> str:
        """Address that people and agents use, without a slash at its end."""
        return str(self.public_url or f"http://{in_url(self.host)}:{self.port}").rstrip("/")

    @property
    def sealing_key_file(self) -> Path:
        """Whoever has it and the database has the secrets of stored accounts."""
        return self.secrets_key_file or self.data_dir / "secrets.key"

    @property
    def keys_dir(self) -> Path:
        """Signing keys (TUF), mode 0700."""
        return self.data_dir / "keys"

    @property
    def given_keys(self) -> dict[str, Path]:
        """The keys that lie in files of their own, by role."""
        named = {"root": self.root_key_file, "online": self.online_key_file}
        return {role: file for role, file in named.items() if file is not None}

    @property
    def tuf_dir(self) -> Path:
        """The TUF repository: static files that any web server may serve."""
        return self.data_dir / "tuf"

    @property
    def anchors_file(self) -> Path:
        """Where every first-seen log ended when it was last checked: outside of the database on purpose."""
        return self.data_dir / "first-seen.json"

    @property
    def evidence_dir(self) -> Path:
        """What rehearsals found, a folder per run."""
        return self.data_dir / "evidence"


def in_url(host: str) -> str:
    """Return a host as it stands in an address and in a Host header: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _secret(file: Path | None) -> str | None:
    return file.read_text(encoding="utf-8").strip() if file else None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read at the first call. Raises ``InvalidInput`` that names the variables."""
    if former := setting_names.renamed(os.environ):
        raise _told_renamed(former)
    try:
        return Settings()
    except ValidationError as error:
        raise _told(error) from None
    except SettingsError as error:
        raise InvalidInput(f"a setting is no JSON where it should be: {error}", code="settings") from None


def unknown_names() -> dict[str, str]:
    """Return the variables of this process that no setting has, each with the one that was probably meant, or an empty text."""
    return setting_names.unknown(os.environ, Settings.model_fields)


def _told_renamed(former: dict[str, str]) -> InvalidInput:
    mistakes = tuple(
        Mistake(Place(field=old), "this name is not read any more", f"it is {new} now") for old, new in former.items()
    )
    return InvalidInput("the environment has former names of settings", mistakes=mistakes, code="settings")


def _told(error: ValidationError) -> InvalidInput:
    """Return the mistakes by variable; values stay out, they may be secret."""
    mistakes = tuple(
        Mistake(Place(field="TIDEGATE_" + "_".join(str(part) for part in one["loc"]).upper()), one["msg"])
        for one in error.errors(include_input=False, include_url=False)
    )
    return InvalidInput("the environment's settings are wrong", mistakes=mistakes, code="settings")
