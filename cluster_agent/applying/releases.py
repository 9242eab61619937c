"""Helm's own records of a release, read (and, after a kill, mended) through the API server without starting Helm.

Helm keeps each revision in a Secret whose labels say name, version and status; ours are added to them:
``tidegate.dev/release`` is the release digest's first 40 digits, ``tidegate.dev/revision`` the revision that we made. A person's upgrade
inherits our labels but has another number, so ``Revision.ours`` tells the two apart.
"""

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cluster_agent.applying.kube import Kube, Object

RELEASE_LABEL = "tidegate.dev/release"
REVISION_LABEL = "tidegate.dev/revision"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a release. ``status`` is Helm's word; ``release`` the shortened digest that it was made for, or empty."""

    number: int
    status: str
    release: str = ""
    made_as: int = 0

    @property
    def pending(self) -> bool:
        """A Helm process was working on it, or died doing so."""
        return self.status.startswith("pending-") or self.status == "uninstalling"

    @property
    def ours(self) -> bool:
        """Made by our own upgrade, not by a person's (rollbacks are known from the journal)."""
        return self.made_as == self.number


class Info(msgspec.Struct):
    """Helm's words about a revision."""

    status: str = ""
    description: str = ""


class Chart(msgspec.Struct):
    """The chart of a revision: metadata such as name and version."""

    metadata: dict[str, Any] = {}


class Record(msgspec.Struct):
    """What we read of a stored revision; ``manifest`` is the applied YAML, ``created`` the server's time of the change."""

    manifest: str = ""
    version: int = 0
    info: Info = msgspec.field(default_factory=Info)
    chart: Chart = msgspec.field(default_factory=Chart)
    created: str = ""


def short_digest(release_digest: str) -> str:
    """Return the part of a release digest that fits in a label."""
    return release_digest.removeprefix("sha256:")[:40]


def history(kube: Kube, namespace: str, name: str) -> list[Revision]:
    """Return all stored revisions, oldest first; one light request."""
    found = kube.list("Secret", namespace, labels=f"owner=helm,name={name}", metadata_only=True)
    return sorted((_revision(secret["metadata"]["labels"]) for secret in found), key=lambda revision: revision.number)


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


def last_deployed(revisions: Sequence[Revision]) -> Revision | None:
    """Return the newest revision that Helm calls deployed."""
    return next((revision for revision in reversed(revisions) if revision.status == "deployed"), None)


def _revision(labels: dict[str, str]) -> Revision:
    return Revision(
        number=int(labels["version"]),
        status=labels.get("status", "unknown"),
        release=labels.get(RELEASE_LABEL, ""),
        made_as=int(labels.get(REVISION_LABEL) or 0),
    )


def _secret_name(name: str, number: int) -> str:
    return f"sh.helm.release.v1.{name}.v{number}"


def _unpacked(secret: Object) -> bytes:
    return gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"])))


def _marked_failed(secret: Object) -> Object:
    release = msgspec.json.decode(_unpacked(secret))
    release["info"] |= {"status": "failed", "description": "The agent was stopped in the middle of this change."}
    packed = base64.b64encode(gzip.compress(msgspec.json.encode(release)))
    secret["data"]["release"] = base64.b64encode(packed).decode()
    secret["metadata"]["labels"]["status"] = "failed"
    return secret
