"""Image and artifact references, by the grammar of distribution/reference (what Docker and Kubernetes read). PURE.

``parse`` takes a text as it stands; ``normalise`` fills in what Docker leaves out (``nginx`` is
``docker.io/library/nginx``). Only SHA-256 digests are accepted: nothing else is pinned by Tidegate.
"""

import re
from typing import Self

import msgspec

DEFAULT_DOMAIN, LEGACY_DOMAIN = "docker.io", "index.docker.io"
MAX_PATH = 255
_MAX_TEXT = 1024

_LABEL = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"

_REFERENCE = re.compile(rf"(?:({_DOMAIN})/)?({_PATH})(?::({_TAG}))?(?:@({_DIGEST}))?")
_VALID_DOMAIN = re.compile(_DOMAIN)
_VALID_TAG = re.compile(_TAG)
_VALID_PATH = re.compile(_PATH)
_VALID_DIGEST = re.compile(_DIGEST)
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_SHA256 = re.compile(r"sha256:[a-f0-9]{64}")


class InvalidReference(ValueError):
    """The text is no image reference; the message says why."""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """``domain/path:tag@digest``; absent parts are empty. ``domain`` has the port with it."""

    path: str
    domain: str = ""
    tag: str = ""
    digest: str = ""

    @property
    def repository(self) -> str:
        """Domain and path: the name without tag and digest."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def familiar(self) -> str:
        """The name as Docker's users write it: without ``docker.io`` and ``library``."""
        if self.domain != DEFAULT_DOMAIN:
            return self.repository
        image = self.path.removeprefix("library/")
        return self.path if "/" in image else image

    def pinned(self, digest: str) -> Self:
        """Return the same reference with ``digest``. Raises ``InvalidReference``."""
        return msgspec.structs.replace(self, digest=checked_digest(digest))

    def __str__(self) -> str:
        return format_reference(self.repository, tag=self.tag, digest=self.digest)


def compose(name: str, *, tag: str = "", digest: str = "") -> str:
    """Return the reference of a name (no tag or digest in it), a tag and a digest of any hash. Raises ``InvalidReference``."""
    if tag and not is_tag(tag):
        raise InvalidReference(f"{tag[:80]!r} is no tag: up to 128 of A-Z, a-z, 0-9 and _ - . beginning with no - or .")
    if digest and not _VALID_DIGEST.fullmatch(digest):
        raise InvalidReference(f"{digest[:80]!r} is no digest: a hash's name, a colon, and hexadecimal digits")
    return format_reference(parse_name(name).repository, tag=tag, digest=digest)


def format_reference(name: str, *, tag: str = "", digest: str = "") -> str:
    """Return ``name:tag@digest`` with the parts that there are."""
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def parse(text: str) -> Reference:
    """Read a reference as it stands, with no defaults filled in. Raises ``InvalidReference``."""
    match = _REFERENCE.fullmatch(text) if len(text) <= _MAX_TEXT else None
    if match is None:
        raise InvalidReference(_problem(text))
    domain, path, tag, digest = match.groups("")
    if len(path) > MAX_PATH:
        raise InvalidReference(f"the name in {text[:80]!r}… has more than {MAX_PATH} characters")
    return Reference(domain=domain, path=path, tag=tag, digest=checked_digest(digest) if digest else "")


def parse_name(text: str) -> Reference:
    """Read a name as it stands, which has neither tag nor digest. Raises ``InvalidReference``."""
    name = parse(text)
    if name.tag or name.digest:
        raise InvalidReference(f"{text[:120]!r} is more than a name: leave off {text[len(name.repository) :][:80]!r}")
    return name


def _problem(text: str) -> str:
    if not text:
        return "an image reference is empty"
    if len(text) <= _MAX_TEXT and _REFERENCE.fullmatch(text.lower()):
        return f"{text!r} is no image reference: a repository name is in lower case"
    return f"{text[:120]!r} is no image reference (domain/name:tag@sha256:…)"


def normalise(text: str) -> Reference:
    """Read a reference as Docker does: without a domain it is on Docker Hub. Raises ``InvalidReference``."""
    if _IDENTIFIER.fullmatch(text):
        raise InvalidReference(f"{text!r} is a bare identifier, not a name")
    domain, remainder = split_domain(text)
    return parse(f"{domain}/{remainder}")


def split_domain(name: str) -> tuple[str, str]:
    """Split a name as Docker does: the first part is a domain if it has a dot, a port or a capital, or is ``localhost``."""
    first, slash, rest = name.partition("/")
    is_domain = bool(slash) and (first == "localhost" or "." in first or ":" in first or first.lower() != first)
    domain, path = (first, rest) if is_domain else (DEFAULT_DOMAIN, name)
    domain = DEFAULT_DOMAIN if domain == LEGACY_DOMAIN else domain
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = f"library/{path}"
    return domain, path


def canonical(text: str) -> Reference:
    """Read a reference that must be written in full already. Raises ``InvalidReference``."""
    reference = normalise(text)
    if str(reference) != text:
        raise InvalidReference(f"write {str(reference)!r} for {text!r}")
    return reference


def docker_reference(text: str) -> Reference:
    """Return what Docker pulls for ``text``: by digest alone if there is one, else by tag, else by ``latest``."""
    reference = normalise(text)
    if reference.digest:
        return msgspec.structs.replace(reference, tag="")
    return msgspec.structs.replace(reference, tag=reference.tag or "latest")


def checked_digest(text: str) -> str:
    """Return ``text`` if it is ``sha256:`` and 64 lower-case hexadecimal digits. Raises ``InvalidReference``."""
    if not _SHA256.fullmatch(text):
        raise InvalidReference(f"{text[:80]!r} is no digest: sha256: and 64 hexadecimal digits in lower case")
    return text


def is_identifier(text: str) -> bool:
    """Return whether ``text`` is a bare content identifier (64 hexadecimal digits)."""
    return _IDENTIFIER.fullmatch(text) is not None


def is_domain(text: str) -> bool:
    """Return whether ``text`` may stand before the first slash: a host name or address, with or without a port."""
    return _VALID_DOMAIN.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Return whether ``text`` is a tag by the distribution specification."""
    return _VALID_TAG.fullmatch(text) is not None


def is_path(text: str, *, longest: int = MAX_PATH) -> bool:
    """Return whether ``text`` is a repository's path by the distribution specification."""
    return len(text) <= longest and _VALID_PATH.fullmatch(text) is not None
