"""Helm's revisions of a release, and whose they are. Pure: planning reads them without touching Kubernetes.

Each revision is a Secret of Helm's whose labels say name, version and status; ours are added to them: ``tidegate.dev/release`` is the
release digest's first 40 digits, ``tidegate.dev/revision`` the revision that we made. A person's upgrade inherits our labels but has
another number, so ``Revision.ours`` tells the two apart. ``tidegate.dev/interrupted`` marks one that a kill cut off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RELEASE_LABEL = "tidegate.dev/release"
REVISION_LABEL = "tidegate.dev/revision"
INTERRUPTED_LABEL = "tidegate.dev/interrupted"
UNINSTALLED = "uninstalled"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a release. ``status`` is Helm's word; ``release`` the shortened digest that it was made for, or empty."""

    number: int
    status: str
    release: str = ""
    made_as: int = 0
    interrupted: bool = False

    @property
    def pending(self) -> bool:
        """A Helm process was working on it, or died doing so."""
        return self.status.startswith("pending-") or self.status == "uninstalling"

    @property
    def ours(self) -> bool:
        """Made by our own upgrade, not by a person's (rollbacks are known from the journal)."""
        return self.made_as == self.number


def short_digest(release_digest: str) -> str:
    """Return the part of a release digest that fits in a label."""
    return release_digest.removeprefix("sha256:")[:40]


def last_deployed(revisions: Sequence[Revision]) -> Revision | None:
    """Return the newest revision that Helm calls deployed."""
    return next((revision for revision in reversed(revisions) if revision.status == "deployed"), None)


def is_gone(revisions: Sequence[Revision]) -> bool:
    """Say whether nothing of the release is installed."""
    return not revisions or revisions[-1].status == UNINSTALLED


def revision_of(labels: Mapping[str, str]) -> Revision:
    """Read a revision from the labels of Helm's Secret."""
    return Revision(
        number=int(labels["version"]),
        status=labels.get("status", "unknown"),
        release=labels.get(RELEASE_LABEL, ""),
        made_as=int(labels.get(REVISION_LABEL) or 0),
        interrupted=labels.get(INTERRUPTED_LABEL) == labels["version"],
    )
