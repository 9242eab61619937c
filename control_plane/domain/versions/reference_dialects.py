"""References as other tools read them: go-containerregistry (crane, Flux) and ORAS (Helm's own client). PURE.

``references`` is what Docker and Kubernetes read and what Tidegate itself believes; these two are for what people bring along.
"""

import re
from typing import Literal

from control_plane.domain.versions.references import (
    DEFAULT_DOMAIN,
    LEGACY_DOMAIN,
    MAX_PATH,
    InvalidReference,
    Reference,
    checked_digest,
    is_path,
    is_tag,
)

Kind = Literal["registry", "repository", "tag", "digest"]

_AUTHORITY = re.compile(r"[^\x00-\x20\x7f/?#@%\\^`{|}]*?(?::[0-9]*)?")
_BRACKETED = re.compile(r"\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
_LOOSE_PATH = re.compile(rf"[a-z0-9_./-]{{1,{MAX_PATH}}}")
_LOOSE_TAG = re.compile(r"[A-Za-z0-9_.-]{1,127}")
_SCHEMES = ("oci://", "http://", "https://")


def read_name(text: str, kind: Kind, *, strict: bool) -> Reference:
    """Read a name of one ``kind`` as go-containerregistry does. ``strict``: nothing may be left to a default.

    A registry has an empty path. Raises ``InvalidReference``.
    """
    match kind:
        case "registry":
            return Reference(domain=_registry(text, strict=strict), path="")
        case "repository":
            return _repository(text, strict=strict)
        case "tag":
            return _tagged(text, strict=strict)
        case "digest":
            return _digested(text, strict=strict)


def _registry(text: str, *, strict: bool) -> str:
    if strict and not text:
        raise InvalidReference("the registry must be written")
    if not is_authority(text):
        raise InvalidReference(f"{text[:120]!r} is no registry (host or host:port)")
    return LEGACY_DOMAIN if text in {"", DEFAULT_DOMAIN} else text


def _repository(text: str, *, strict: bool) -> Reference:
    first, slash, rest = text.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost")
    domain, path = (first, rest) if named else ("", text)
    if not _LOOSE_PATH.fullmatch(path):
        raise InvalidReference(f"{text[:120]!r} is no repository name: 1 to {MAX_PATH} of a-z, 0-9 and _ - . /")
    domain = _registry(domain, strict=strict)
    if domain != LEGACY_DOMAIN or "/" in path:
        return Reference(domain=domain, path=path)
    if strict:
        raise InvalidReference(f"{text[:120]!r} leaves out library/: write {domain}/library/{path}")
    return Reference(domain=domain, path=f"library/{path}")


def _tagged(text: str, *, strict: bool) -> Reference:
    name, tag = _split_tag(text)
    if (tag or strict) and not _LOOSE_TAG.fullmatch(tag):
        raise InvalidReference(f"{tag[:120]!r} is no tag: 1 to 127 of A-Z, a-z, 0-9 and _ - .")
    found = _repository(name, strict=strict)
    return Reference(domain=found.domain, path=found.path, tag=tag or "latest")


def _digested(text: str, *, strict: bool) -> Reference:
    name, _, digest = text.partition("@")
    checked_digest(digest)
    base, tag = _split_tag(name)
    found = _repository(base if _LOOSE_TAG.fullmatch(tag) else name, strict=strict)
    return Reference(domain=found.domain, path=found.path, tag=tag, digest=digest)


def _split_tag(text: str) -> tuple[str, str]:
    """Split at the last colon, unless it is before a port."""
    name, colon, tag = text.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (text, "")


def is_authority(text: str) -> bool:
    """Return whether ``text`` can stand as host and port in a URL by Go's own reading (RFC 3986, an empty one included)."""
    grammar = _BRACKETED if text.startswith("[") else _AUTHORITY
    if grammar.fullmatch(text) is None:
        return False
    _, colon, port = text.rpartition(":")
    return text.startswith("[") or not colon or port == "" or port.isdecimal()


def read_artifact(text: str) -> Reference:
    """Read ``host/name``, ``host/name:tag``, ``host/name@digest`` or both as ORAS does; the host is required.

    A scheme in front (``oci://``) is left off. Raises ``InvalidReference``.
    """
    scheme = next((scheme for scheme in _SCHEMES if text.startswith(scheme)), "")
    domain, slash, rest = text[len(scheme) :].partition("/")
    named, at, digest = rest.partition("@")
    path, _, tag = named.partition(":")
    if not slash or not domain or not is_authority(domain):
        raise InvalidReference(f"{text[:120]!r} names no registry: write host/name")
    if not is_path(path):
        raise InvalidReference(f"{text[:120]!r} has no valid repository name after its registry")
    if tag and not is_tag(tag):
        raise InvalidReference(f"{tag[:120]!r} in {text[:120]!r} is no tag")
    if at:
        checked_digest(digest)
    return Reference(domain=domain, path=path, tag=tag, digest=digest)


def api_host(registry: str) -> str:
    """Return the host that answers for ``registry``: Docker Hub's API is not at its name."""
    return "registry-1.docker.io" if registry == DEFAULT_DOMAIN else registry
