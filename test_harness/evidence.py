"""The evidence folder: what a person needs to judge a rehearsal afterwards, also of one that failed or was cut off.

Nothing here fails a run: what cannot be read is left out and noted. No file holds a value of a Secret of the
application's namespace or a password of a registry, and none is larger than ``LARGEST_BYTES``.

| file                     | holds                                                           |
|--------------------------|-----------------------------------------------------------------|
| timeline.json            | the steps                                                       |
| suite-PHASE.xml, .txt    | the suite's results and output                                  |
| AT/logs/POD/CONTAINER.log| logs, ``.previous.log`` of the run before the last restart      |
| AT/events.txt            | the namespace's events                                          |
| AT/images.json           | what really runs, beside what is pinned                         |
| AT/manifest.yaml         | what Helm applied, Secrets' data taken out                      |
| AT/history.json          | Helm's revisions                                                |
| harness.log              | the harness's own log, written by the runner                    |

``AT`` is the version that ran when it was collected.
"""

import base64
import html
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import structlog
import yaml

from cluster_agent.applying import releases
from cluster_agent.applying.kube import Kube, Object
from cluster_agent.applying.registry_login import Logins
from cluster_agent.contract import ApplicationManifest
from cluster_agent.errors import AgentError
from test_harness.runner import LOG, REDACTED, EvidenceFile, StepReport, evidence_file

log = structlog.get_logger(__name__)

LARGEST_BYTES = 1024 * 1024
LOG_LINES = 20_000
SHORTEST_SECRET = 6  # shorter values are words such as "true" that would black out half of a log
HELM_RECORD = "helm.sh/release.v1"

MEDIA_TYPES = {".json": "application/json", ".xml": "application/xml", ".yaml": "application/yaml"}
TITLES = {
    "timeline.json": "Timeline",
    "events.txt": "Events",
    "images.json": "Images that ran",
    "manifest.yaml": "What Helm applied",
    "history.json": "Helm's history",
}


@dataclass
class Redactor:
    """Takes the values of a namespace's Secrets out of texts; learns them from the cluster."""

    _known: set[str] = field(default_factory=set)

    def __call__(self, text: str) -> str:
        """Return ``text`` without any value learnt so far, as it is or as base64, XML or JSON write it."""
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(value, REDACTED)
        return text

    def learn_logins(self, logins: Logins) -> None:
        """Learn the passwords of registries; a config that cannot be read has none, and the first request says so."""
        with suppress(AgentError):
            for _, account in logins.all():
                pair = f"{account.user}:{account.password}"
                self.learn_values(base64.b64encode(text.encode()).decode() for text in (account.password, pair))

    def learn(self, kube: Kube, namespace: str) -> None:
        """Read the Secrets of ``namespace``; Helm's own records hold no values but the charts'."""
        for secret in kube.list("Secret", namespace):
            if secret.get("type") != HELM_RECORD:
                self.learn_values((secret.get("data") or {}).values())

    def learn_values(self, encoded: Any) -> None:
        """Learn values given as base64."""
        for text in encoded:
            value = base64.b64decode(text).decode(errors="replace").strip()
            if len(value) >= SHORTEST_SECRET:
                again = base64.b64encode(value.encode()).decode()
                self._known |= {value, text, again, html.escape(value), json.dumps(value)[1:-1]}


@dataclass
class Evidence:
    """The folder of one run."""

    folder: Path
    redact: Redactor = field(default_factory=Redactor)

    def collect(self, kube: Kube, application: ApplicationManifest) -> None:
        """Save what the cluster says while ``application`` runs in it."""
        at = Path(application.release)
        namespace = application.namespace
        self.learn_secrets(kube, namespace)
        self._try("logs", lambda: self._save_logs(kube, namespace, at))
        self._try("events", lambda: self._save(at / "events.txt", _events(kube, namespace)))
        self._try("images", lambda: self._save(at / "images.json", _images(kube, application)))
        self._try("records", lambda: self._save_records(kube, application, at))

    def learn_secrets(self, kube: Kube, namespace: str) -> None:
        """Learn what must not be told."""
        self._try("secrets", lambda: self.redact.learn(kube, namespace))

    def finish(self, steps: tuple[StepReport, ...]) -> tuple[EvidenceFile, ...]:
        """Write the timeline, take secrets out of what programs wrote, and list all files."""
        self._save(Path("timeline.json"), msgspec.json.format(msgspec.json.encode(steps)).decode())
        for path in self._files():
            self._save(path, (self.folder / path).read_text(errors="replace"))
        return tuple(
            evidence_file(self.folder, str(path), _title(path), MEDIA_TYPES.get(path.suffix, "text/plain"))
            for path in self._files()
        )

    def _files(self) -> list[Path]:
        found = sorted(path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())
        return [path.relative_to(self.folder) for path in found if path.name != LOG]

    def _save_logs(self, kube: Kube, namespace: str, at: Path) -> None:
        for pod, container, previous, text in _logs(kube, namespace):
            name = f"{container}.previous.log" if previous else f"{container}.log"
            self._save(at / "logs" / pod / name, text)

    def _save_records(self, kube: Kube, application: ApplicationManifest, at: Path) -> None:
        revisions = releases.history(kube, application.namespace, application.name)
        self._save(at / "history.json", msgspec.json.format(msgspec.json.encode(revisions)).decode())
        number = revisions[-1].number if revisions else 0
        stored = releases.record(kube, application.namespace, application.name, number)
        self._save(at / "manifest.yaml", without_secrets(stored.manifest) if stored else "")

    def _save(self, path: Path, text: str) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(bounded(self.redact(text)))

    def _try(self, what: str, action: Callable[[], None]) -> None:
        try:
            action()
        except (AgentError, OSError, ValueError) as error:
            log.warning("evidence is missing", what=what, error=str(error))


def bounded(text: str) -> bytes:
    """Return the end of ``text``, at most LARGEST_BYTES: what went wrong stands at the end of a log."""
    data = text.encode()
    if len(data) <= LARGEST_BYTES:
        return data
    return b"[the beginning is left out]\n" + data[-(LARGEST_BYTES - 100) :]


def without_secrets(manifest: str) -> str:
    """Return the YAML documents of ``manifest`` with the data of Secrets taken out."""
    documents = [one for one in yaml.load_all(manifest, Loader=yaml.CSafeLoader) if isinstance(one, dict)]
    return yaml.dump_all([_blank_secret(one) for one in documents], sort_keys=False)


def _blank_secret(document: dict[str, Any]) -> dict[str, Any]:
    if document.get("kind") != "Secret":
        return document
    blank = {part: dict.fromkeys(document[part] or {}, REDACTED) for part in ("data", "stringData") if part in document}
    return document | blank


def _logs(kube: Kube, namespace: str) -> Iterator[tuple[str, str, bool, str]]:
    """Yield (pod, container, is of its previous run, text) of every log there is."""
    for pod in kube.list("Pod", namespace):
        name, status = pod["metadata"]["name"], pod.get("status", {})
        for found in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
            container = found["name"]
            for previous in (False, True) if found.get("restartCount") else (False,):
                yield name, container, previous, kube.log(namespace, name, container, tail=LOG_LINES, previous=previous)


def _events(kube: Kube, namespace: str) -> str:
    events = sorted(kube.list("Event", namespace), key=_when)
    return "".join(f"{_when(one)}  {one.get('type', ''):8}{_about(one)}: {one.get('message', '')}\n" for one in events)


def _when(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"]["creationTimestamp"])


def _about(event: Object) -> str:
    about = event.get("involvedObject", {})
    return f"{about.get('kind', '')} {about.get('name', '')} {event.get('reason', '')}"


def _images(kube: Kube, application: ApplicationManifest) -> str:
    running = [
        {
            "pod": pod["metadata"]["name"],
            "container": one["name"],
            "image": one["image"],
            "runs": one.get("imageID", ""),
        }
        for pod in kube.list("Pod", application.namespace)
        for one in pod.get("status", {}).get("containerStatuses") or ()
    ]
    pinned = set(application.images.values())
    for one in running:
        one["pinned"] = one["runs"].rpartition("@")[2] in pinned
    return json.dumps({"pinned": application.images, "running": running}, indent=2)


def _title(path: Path) -> str:
    at = path.parts[0] if len(path.parts) > 1 else ""
    if "logs" in path.parts:
        previous = ", run before the last restart" if path.name.endswith(".previous.log") else ""
        return f"Log of {path.parts[-2]} / {path.name.split('.')[0]} ({at}{previous})"
    if path.stem.startswith("suite-"):
        return f"Suite, {path.stem.removeprefix('suite-')}" + (" (JUnit)" if path.suffix == ".xml" else "")
    return TITLES.get(path.name, path.name) + (f" ({at})" if at else "")
