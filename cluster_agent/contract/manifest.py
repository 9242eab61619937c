"""The manifest: what a channel wants its clusters to run. Signed by the channel's role; immutable once published.

Format 1. A reader ignores fields that it does not know and refuses a ``format`` that it does not know.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from cluster_agent.contract.canonical import digest_of

MANIFEST_FORMAT = 1

# A time without a zone means something else on every machine, so it is refused when decoded.
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Generation = Annotated[int, msgspec.Meta(ge=1)]

RollbackContract = Literal["reversible", "restore-required", "one-way", "unknown"]


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every wire type: immutable, keyword-only; defaults are left out of the bytes."""


class Artifact(Struct, frozen=True, kw_only=True):
    """A chart in an OCI registry, or one that the control plane keeps.

    In a registry: ``ref`` has no tag (``ghcr.io/tidegate/charts/miniflux``); ``digest`` is of the OCI manifest.
    Kept: ``ref`` is ``tidegate:NAME`` (the chart's name, for people); ``digest`` is of the packed chart, which lies at
    ``artifacts/sha256-HEX.tgz`` below the address of the channels' files.
    """

    ref: str
    digest: str


class Edge(Struct, frozen=True, kw_only=True):
    """How one may come back from this release to ``from_release`` (a version).

    ``evidence`` is the digest of the rehearsal's report that proved it.
    """

    from_release: str
    contract: RollbackContract
    evidence: str | None = None


class BackupStep(Struct, frozen=True, kw_only=True):
    """Data to save before a change. ``dump``'s standard output is kept and fed to ``restore``'s standard input.

    ``pod`` is a label selector in the application's namespace; ``quiesce`` lists ``kind/name`` workloads scaled to zero while restoring.
    """

    name: str
    pod: str
    dump: tuple[str, ...]
    restore: tuple[str, ...]
    container: str | None = None
    quiesce: tuple[str, ...] = ()


class ApplicationManifest(Struct, frozen=True, kw_only=True):
    """One application in a channel.

    ``release`` is the version; ``images`` maps every image reference as the chart renders it to ``sha256:…``;
    ``values`` are Helm values. ``release_digest`` covers everything that decides what runs (see ``release_digest``).
    """

    name: str
    release: str
    release_digest: str
    namespace: str
    artifact: Artifact
    kind: Literal["helm"] = "helm"
    images: dict[str, str] = {}
    values: dict[str, Any] = {}
    backup: tuple[BackupStep, ...] = ()
    edges: tuple[Edge, ...] = ()
    timeout_seconds: int = 300


class Manifest(Struct, frozen=True, kw_only=True):
    """Desired state of ``channel``. ``generation`` only grows."""

    channel: str
    generation: Generation
    created: Instant
    applications: tuple[ApplicationManifest, ...] = ()
    # A factory, because a plain default would be left out of the bytes and readers must always find the format.
    format: int = msgspec.field(default_factory=lambda: MANIFEST_FORMAT)


def release_digest(
    *,
    name: str,
    release: str,
    namespace: str,
    artifact: Artifact,
    images: dict[str, str],
    values: dict[str, Any],
    backup: tuple[BackupStep, ...],
) -> str:
    """Return the ``sha256:…`` that approvals, evidence and reports name: a hash over all that decides what runs."""
    return digest_of(
        {
            "name": name,
            "release": release,
            "namespace": namespace,
            "artifact": artifact,
            "images": images,
            "values": values,
            "backup": backup,
        }
    )
