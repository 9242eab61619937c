"""The manifest: what a channel wants its clusters to run. Signed by the channel's role; immutable once published.

A reader ignores fields that it does not know and refuses a ``format`` that it does not know. Format 2 is format 1 with ``requires``: an
application may name what an agent must be able to do. An agent that cannot do it refuses that application and goes on with the others;
one that knows format 1 alone refuses the manifest. A manifest in which nothing is required stays in format 1.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from cluster_agent.contract.canonical import digest_of

MANIFEST_FORMATS = (1, 2)
KEPT = "tidegate:"
KEPT_CHARTS = "kept-charts"
CAPABILITIES = frozenset({KEPT_CHARTS})
"""What this agent can do beyond format 1. A new kind of artifact, or a new field that must not be ignored, gets a word here."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):(?://|[^/]*$)")

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
    ``requires`` are capabilities that an agent needs to take it.
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
    requires: tuple[str, ...] = ()


class Manifest(Struct, frozen=True, kw_only=True):
    """Desired state of ``channel``. ``generation`` only grows."""

    channel: str
    generation: Generation
    created: Instant
    applications: tuple[ApplicationManifest, ...] = ()
    # A factory, because a plain default would be left out of the bytes and readers must always find the format.
    format: int = msgspec.field(default_factory=lambda: 1)


class TooNew(NamedTuple):
    """An application of a manifest that ``needs`` of an agent what this one cannot do."""

    name: str
    release: str
    needs: tuple[str, ...]


def make_manifest(
    *, channel: str, generation: int, created: datetime, applications: tuple[ApplicationManifest, ...]
) -> Manifest:
    """Return the manifest in the oldest format that says all of it."""
    said = tuple(msgspec.structs.replace(one, requires=requirements(one)) for one in applications)
    number = 2 if any(one.requires for one in said) else 1
    return Manifest(channel=channel, generation=generation, created=created, applications=said, format=number)


def requirements(application: ApplicationManifest) -> tuple[str, ...]:
    """Return what an agent must be able to do to take the application."""
    needed = {KEPT_CHARTS} if application.artifact.ref.startswith(KEPT) else set()
    return tuple(sorted(needed | set(application.requires)))


def read_manifest(data: bytes) -> tuple[Manifest, tuple[TooNew, ...]]:
    """Decode a manifest; applications that are too new for this agent are told apart, whatever else they contain.

    Raises ``msgspec.MsgspecError`` for what is no manifest.
    """
    raw = msgspec.json.decode(data, type=dict[str, Any])
    named = msgspec.convert(raw.get("applications", []), list[_Named])
    needs = [_missing(one) for one in named]
    raw["applications"] = [one for one, missing in zip(raw.get("applications", []), needs, strict=True) if not missing]
    too_new = tuple(
        TooNew(one.name, one.release, missing) for one, missing in zip(named, needs, strict=True) if missing
    )
    return msgspec.convert(raw, Manifest), too_new


class _Place(msgspec.Struct):
    ref: str = ""


class _Named(msgspec.Struct):
    """What every application of every format has."""

    name: str
    release: str
    artifact: _Place = msgspec.field(default_factory=_Place)
    requires: tuple[str, ...] = ()


def _missing(application: _Named) -> tuple[str, ...]:
    unknown = set(application.requires) - CAPABILITIES
    scheme = _SCHEME.match(application.artifact.ref)
    if scheme and f"{scheme[1]}:" not in {KEPT, "oci:"}:
        unknown.add(f"artifacts of {scheme[1]}")
    return tuple(sorted(unknown))


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
