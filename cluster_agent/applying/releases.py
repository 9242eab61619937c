"""Helm's own records of a release, read (and, after a kill, mended) through the API server without starting Helm."""

import base64
import gzip
from collections.abc import Callable
from typing import Any

import msgspec

from cluster_agent.applying.kube import Kube, Object
from cluster_agent.applying.revisions import INTERRUPTED_LABEL, Revision, revision_of


class Info(msgspec.Struct):
    """Helm's words about a revision."""

    status: str = ""
    description: str = ""


class Chart(msgspec.Struct):
    """The chart of a revision: metadata such as name and version."""

    metadata: dict[str, Any] = {}


class Hook(msgspec.Struct):
    """A hook of a revision, by the events at which it runs."""

    events: list[str] = []


class Record(msgspec.Struct):
    """What we read of a stored revision; ``manifest`` is the applied YAML, ``created`` the server's time of the change."""

    manifest: str = ""
    version: int = 0
    info: Info = msgspec.field(default_factory=Info)
    chart: Chart = msgspec.field(default_factory=Chart)
    hooks: list[Hook] = []
    created: str = ""


def history(kube: Kube, namespace: str, name: str) -> list[Revision]:
    """Return all stored revisions, oldest first; one light request."""
    found = kube.list("Secret", namespace, labels=f"owner=helm,name={name}", metadata_only=True)
    return sorted((revision_of(secret["metadata"]["labels"]) for secret in found), key=lambda revision: revision.number)


def record(kube: Kube, namespace: str, name: str, number: int) -> Record | None:
    """Return the stored revision ``number`` of a release."""
    secret = kube.get("Secret", namespace, _secret_name(name, number))
    if secret is None:
        return None
    found = msgspec.json.decode(_unpacked(secret), type=Record)
    found.created = secret["metadata"]["creationTimestamp"]
    return found


def mend_pending(kube: Kube, namespace: str, name: str) -> int | None:
    """Mark a revision that a killed Helm left ``pending-*`` as failed, so that the next change may start.

    Nothing that runs is touched. Call it only where no Helm process of ours is alive. Returns the mended revision.
    """
    revisions = history(kube, namespace, name)
    if not revisions or not revisions[-1].pending:
        return None
    number = revisions[-1].number
    secret = kube.get("Secret", namespace, _secret_name(name, number))
    if secret:
        kube.replace("Secret", namespace, _marked_failed(secret))
    return number


def created(kube: Kube, namespace: str, name: str, number: int) -> str:
    """Return the server's time at which the revision was begun; empty where there is none."""
    secret = kube.get("Secret", namespace, _secret_name(name, number))
    return str(secret["metadata"]["creationTimestamp"]) if secret else ""


def edit_manifest(kube: Kube, namespace: str, name: str, number: int, edit: Callable[[str], str]) -> None:
    """Change what Helm remembers to have applied in a revision. Nothing that runs is touched.

    Raises ``Conflict`` where Helm wrote in between.
    """
    secret = kube.get("Secret", namespace, _secret_name(name, number))
    if secret is None:
        return
    release = msgspec.json.decode(_unpacked(secret))
    edited = edit(release["manifest"])
    if edited != release["manifest"]:
        kube.replace("Secret", namespace, _with_release(secret, release | {"manifest": edited}))


def _secret_name(name: str, number: int) -> str:
    return f"sh.helm.release.v1.{name}.v{number}"


def _unpacked(secret: Object) -> bytes:
    return gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"])))


def _marked_failed(secret: Object) -> Object:
    release = msgspec.json.decode(_unpacked(secret))
    release["info"] |= {"status": "failed", "description": "The agent was stopped in the middle of this change."}
    secret["metadata"]["labels"] |= {"status": "failed", INTERRUPTED_LABEL: str(release["version"])}
    return _with_release(secret, release)


def _with_release(secret: Object, release: Object) -> Object:
    packed = base64.b64encode(gzip.compress(msgspec.json.encode(release)))
    secret["data"]["release"] = base64.b64encode(packed).decode()
    return secret
