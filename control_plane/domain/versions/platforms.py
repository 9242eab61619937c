"""Platforms of images (``linux/arm64/v8``), and which manifest of an index is for one. PURE.

Matching follows go-containerregistry: system and architecture are the same; version and variant are the same where they are
required; required features are among the given ones. A manifest that names no platform is for linux/amd64.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm",
    "armel": "arm",
    "i386": "386",
}
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7", "amd64": "v1"}
_NOT_AN_IMAGE = "unknown"  # what BuildKit writes as the platform of an attestation


class InvalidPlatform(ValueError):
    """The text is no platform; the message says what is."""


class Platform(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A platform as an index's descriptor writes it: ``os`` and ``architecture`` by Go's names, the rest where it matters."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = msgspec.field(default="", name="os.version")
    os_features: tuple[str, ...] = msgspec.field(default=(), name="os.features")
    features: tuple[str, ...] = ()

    @classmethod
    def of(cls, written: Mapping[str, Any] | None) -> Self:
        """Read a descriptor's ``platform`` object; None is linux/amd64. Raises ``InvalidPlatform``."""
        try:
            return msgspec.convert(written or {"os": "linux", "architecture": "amd64"}, cls)
        except msgspec.ValidationError as error:
            raise InvalidPlatform(f"a platform in an index cannot be read: {error}") from None

    def __str__(self) -> str:
        text = "/".join(part for part in (self.os, self.architecture, self.variant) if part)
        return f"{text}:{self.os_version}" if self.os_version else text


def parse_platform(text: str) -> Platform:
    """Read ``linux/arm64``, ``linux/arm/v7`` or ``windows/amd64:10.0.17763``. Raises ``InvalidPlatform``."""
    name, _, version = text.strip().partition(":")
    parts = name.split("/")
    if len(parts) not in {2, 3} or not all(parts):
        raise InvalidPlatform(f"{text[:80]!r} is no platform: write system/architecture, such as linux/arm64")
    system, architecture, variant = (*parts, "")[:3]
    architecture = _ARCHITECTURES.get(architecture.lower(), architecture.lower())
    return Platform(os=system.lower(), architecture=architecture, variant=variant, os_version=version)


def matches(given: Platform, required: Platform) -> bool:
    """Return whether what is there (``given``) serves where ``required`` is needed."""
    return (
        given.os == required.os
        and given.architecture == required.architecture
        and required.os_version in {"", given.os_version}
        and required.variant in {"", given.variant}
        and set(required.os_features) <= set(given.os_features)
        and set(required.features) <= set(given.features)
    )


def select(manifests: Sequence[Mapping[str, Any]], required: Platform) -> str | None:
    """Return the digest of the first of an index's ``manifests`` for ``required``, or None. Raises ``InvalidPlatform``."""
    return next((str(one["digest"]) for one in manifests if matches(Platform.of(one.get("platform")), required)), None)


def offered(manifests: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the platforms of an index's ``manifests`` as texts, each once; attestations are none. Raises ``InvalidPlatform``."""
    found = (Platform.of(one.get("platform")) for one in manifests)
    return tuple(dict.fromkeys(str(one) for one in found if one.os != _NOT_AN_IMAGE))


def is_offered(wanted: str, offers: Sequence[str]) -> bool:
    """Return whether one of ``offers`` serves ``wanted``, both as texts: ``linux/arm64`` and ``linux/arm64/v8`` are the same.

    Raises ``InvalidPlatform``.
    """
    required = _with_variant(parse_platform(wanted))
    return any(matches(_with_variant(parse_platform(offer)), required) for offer in offers)


def _with_variant(platform: Platform) -> Platform:
    if platform.variant or platform.architecture not in _DEFAULT_VARIANTS:
        return platform
    return msgspec.structs.replace(platform, variant=_DEFAULT_VARIANTS[platform.architecture])
