"""The agent's settings, read once from ``TIDEGATE_AGENT_*``. Times are seconds.

| variable                 | meaning                                                                              | default              |
|--------------------------|--------------------------------------------------------------------------------------|----------------------|
| ``URL``                  | control plane, ``https://tidegate.example.org``                                      | needed               |
| ``JOIN_TOKEN``           | one-time token; needed until the agent is enrolled                                   |                      |
| ``NAMESPACES``           | namespaces it serves, separated by commas                                            | needed               |
| ``NAMESPACE``            | its own namespace                                                                    | the pod's            |
| ``NAME``                 | prefix of its ConfigMap, Secrets and Lease                                           | ``tidegate-agent``   |
| ``POLL_SECONDS``         | how often it looks for news                                                          | 30                   |
| ``REPORT_SECONDS``       | a sign of life at least this often                                                   | 60                   |
| ``HOLD``                 | a reason: nothing changes while it is set                                            |                      |
| ``ON_LEAVE``             | an application that leaves the channel: ``keep`` it or ``uninstall`` it              | ``keep``             |
| ``APPLICATIONS``         | JSON, rules of single applications: ``{"miniflux": {"onLeave": "uninstall"}}``        | ``{}``               |
| ``REGISTRY_MIRRORS``     | JSON, host or ``*`` → base URL                                                       | ``{}``               |
| ``REGISTRY_CREDENTIALS_FILE`` | a docker ``config.json`` with logins for charts, by host                         |                      |
| ``DATA_DIR``             | backups, charts; should outlive the pod                                              | ``/data``            |
| ``CA_FILE``              | certificates to trust beside the usual ones                                          |                      |
| ``LISTEN``               | ``host:port`` of ``/healthz`` and ``/metrics``; empty: none                          | ``0.0.0.0:8080``     |
| ``CLUSTER_FACTS``        | ``true`` where it may read nodes and storage classes                                 | ``false``            |
| ``KUBECONFIG``, ``CONTEXT`` | a cluster from outside; without: the pod's own service account                    |                      |
| ``HELM``                 | the helm program                                                                     | ``helm``             |
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from cluster_agent.decisions import OnLeave

PREFIX = "TIDEGATE_AGENT_"
POD_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class ApplicationRules(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The cluster's own rules for one application; None: the rule for all."""

    on_leave: OnLeave | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """See the table above."""

    url: str
    namespaces: tuple[str, ...]
    namespace: str
    name: str = "tidegate-agent"
    join_token: str = ""
    poll_seconds: float = 30.0
    report_seconds: float = 60.0
    hold: str = ""
    on_leave: OnLeave = "keep"
    applications: dict[str, ApplicationRules] = {}
    registry_mirrors: dict[str, str] = {}
    registry_credentials_file: Path | None = None
    data_dir: Path = Path("/data")
    ca_file: str = ""
    listen: str = "0.0.0.0:8080"
    cluster_facts: bool = False
    kubeconfig: str | None = None
    context: str | None = None
    helm: str = "helm"

    @property
    def backups_dir(self) -> Path:
        """Where backups are kept."""
        return self.data_dir / "backups"


class BadSettings(Exception):
    """A setting is missing or wrong; the message names it and says what would be right."""


def load(environment: Mapping[str, str]) -> Settings:
    """Read the settings. Raises ``BadSettings``."""
    given: dict[str, object] = {
        key.removeprefix(PREFIX).lower(): value.strip()
        for key, value in environment.items()
        if key.startswith(PREFIX) and (value.strip() or key == f"{PREFIX}LISTEN")  # empty: listen nowhere
    }
    given["namespaces"] = tuple(one.strip() for one in str(given.get("namespaces", "")).split(",") if one.strip())
    given.setdefault("namespace", _own_namespace())
    try:
        for name in ("registry_mirrors", "applications"):
            if name in given:
                given[name] = _json(name, str(given[name]))
        settings = msgspec.convert(given, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise BadSettings(_in_words(str(error))) from error
    return _checked(settings)


def _json(name: str, text: str) -> object:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise BadSettings(f"{PREFIX}{name.upper()} is no JSON object: {error}") from error


def _checked(settings: Settings) -> Settings:
    if not settings.url.startswith(("https://", "http://")):
        raise BadSettings(
            f"{PREFIX}URL must start with https:// (or http:// inside a trusted network): {settings.url!r}"
        )
    if not settings.namespaces:
        raise BadSettings(
            f"{PREFIX}NAMESPACES is empty: name the namespaces that the agent serves, separated by commas"
        )
    if settings.poll_seconds < 1:
        raise BadSettings(f"{PREFIX}POLL_SECONDS must be at least 1: {settings.poll_seconds}")
    return settings


def _path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)


def _own_namespace() -> str:
    return POD_NAMESPACE_FILE.read_text().strip() if POD_NAMESPACE_FILE.exists() else "tidegate-agent"


def _in_words(error: str) -> str:
    """Turn msgspec's words about a field into the variable's name."""
    if "missing required field" in error:
        field = error.split("`")[1]
        return f"{PREFIX}{field.upper()} is not set: `tidegate-agent run --help` lists all settings"
    what, _, place = error.partition(" - at `$.")
    return f"{PREFIX}{place.rstrip('`').upper()}: {what}" if place else error
