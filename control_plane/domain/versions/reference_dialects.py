"""References as other tools read them: go-containerregistry (crane, Flux) and ORAS (Helm's own client). PURE.

``references`` is what Docker and Kubernetes read and what Tidegate itself believes; these two are for what people bring along.
"""

import re
from functools import reduce
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network
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

_NO_HOST = re.compile(r"[\x00-\x20\x7f/?#@%\\^`{|}]")
_PORT = re.compile(r"(?::[0-9]*)?")
_LOOSE_PATH = re.compile(rf"[a-z0-9_./-]{{1,{MAX_PATH}}}")
_LOOSE_TAG = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_SCHEMES = ("oci://", "http://", "https://")
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_HERE = re.compile(
    r"localhost:.*|.*\.localhost(?::[0-9]{1,5})?|127\.0\.0\.1(?::[0-9]{1,5})?|::1|\[::1\](?::[0-9]{1,5})?"
)


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
    name, colon, tag = _split_tag(text)
    if (colon or strict) and not _LOOSE_TAG.fullmatch(tag):
        raise InvalidReference(f"{tag[:120]!r} is no tag: 1 to 128 of A-Z, a-z, 0-9 and _ - .")
    found = _repository(name, strict=strict)
    return Reference(domain=found.domain, path=found.path, tag=tag or "latest")


def _digested(text: str, *, strict: bool) -> Reference:
    name, _, digest = text.partition("@")
    checked_digest(digest)
    base, _, tag = _split_tag(name)
    found = _repository(base if _LOOSE_TAG.fullmatch(tag) else name, strict=strict)
    return Reference(domain=found.domain, path=found.path, tag=tag, digest=digest)


def _split_tag(text: str) -> tuple[str, str, str]:
    """Split at the last colon, unless it is before a port."""
    name, colon, tag = text.rpartition(":")
    return (name, colon, tag) if colon and "/" not in tag else (text, "", "")


def default_scheme(registry: str) -> str:
    """Return the scheme that go-containerregistry asks a registry by: ``http`` for this machine and private networks.

    Raises ``InvalidReference``. Tidegate's own is stricter (``upstreams.registry_auth``).
    """
    name = _registry(registry, strict=False)
    return "http" if is_private_network(name) or _HERE.fullmatch(name) else "https"


def is_private_network(registry: str) -> bool:
    """Return whether a registry is an IPv4 address of a private network (10/8, 172.16/12, 192.168/16). Raises ``InvalidReference``."""
    host = _registry(registry, strict=False).partition(":")[0]
    try:
        address = IPv4Address(host)
    except AddressValueError:
        return False
    return any(address in network for network in _PRIVATE)


def is_authority(text: str) -> bool:
    """Return whether ``text`` can stand as host and port in a URL by Go's own reading (RFC 3986, an empty one included)."""
    if _NO_HOST.search(text):
        return False
    before, bracket, literal = text.rpartition("[")
    if bracket:
        address, closed, port = literal.rpartition("]")
        return not before and bool(closed) and _is_ipv6(address) and _PORT.fullmatch(port) is not None
    _, colon, port = text.rpartition(":")
    return _PORT.fullmatch(colon + port) is not None or not colon


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def read_artifact(text: str) -> Reference:
    """Read ``host/name``, ``host/name:tag``, ``host/name@digest`` or both as ORAS 3 does; the host is required.

    A scheme in front (``oci://``) is left off; a tag that stands before a digest is not looked at. Raises ``InvalidReference``.
    """
    return read_bare_artifact(reduce(str.removeprefix, _SCHEMES, text))


def read_bare_artifact(text: str) -> Reference:
    """Read the same as ORAS 2 does, for which a scheme is no part of a reference. Raises ``InvalidReference``."""
    domain, slash, rest = text.partition("/")
    named, _, digest = rest.partition("@")
    path, _, tag = named.partition(":")
    if not slash or not domain or not is_authority(domain):
        raise InvalidReference(f"{text[:120]!r} names no registry: write host/name")
    if not is_path(path, longest=len(path)):
        raise InvalidReference(f"{text[:120]!r} has no valid repository name after its registry")
    if digest:
        checked_digest(digest)
    elif tag and not is_tag(tag):
        raise InvalidReference(f"{tag[:120]!r} in {text[:120]!r} is no tag")
    return Reference(domain=domain, path=path, tag=tag, digest=digest)


def api_host(registry: str) -> str:
    """Return the host that answers for ``registry``: Docker Hub's API is not at its name."""
    return "registry-1.docker.io" if registry == DEFAULT_DOMAIN else registry
