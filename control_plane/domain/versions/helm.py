"""What Helm itself does with version texts where charts are listed or named: PURE, and kept to Helm's behaviour.

Helm takes the *first* version of a list that satisfies a range, so an index is sorted newest first before it is asked;
our own choice (``selection.choose``) does not depend on a list's order.
"""

from collections.abc import Sequence

from control_plane.domain.versions.ranges import InvalidRange, parse_range
from control_plane.domain.versions.references import InvalidReference, Reference, is_domain, is_path, is_tag
from control_plane.domain.versions.semver import InvalidVersion, Version, parse


def tag_of_version(version: str) -> str:
    """Return the OCI tag of a chart's version: a tag may not have ``+``, so Helm writes ``_``."""
    return version.replace("+", "_")


def version_of_tag(tag: str) -> str:
    """Return the chart version that a tag stands for: ``_`` back to ``+``."""
    return tag.replace("_", "+")


def is_range(text: str) -> bool:
    """Return whether ``text`` is a range and not one version."""
    if _version(text) is not None:
        return False
    try:
        parse_range(text)
    except InvalidRange:
        return False
    return True


def newest_first(texts: Sequence[str]) -> list[str]:
    """Return the versions among ``texts``, newest first; what is no version is left out."""
    versions = [version for text in texts if (version := _version(text))]
    return [version.original for version in sorted(versions, reverse=True)]


def first_match(texts: Sequence[str], wanted: str) -> str | None:
    """Return the text that Helm picks for ``wanted`` (a version or a range; empty: any): the same text, else the first inside.

    Raises ``InvalidRange``.
    """
    if wanted in texts:
        return wanted
    accepted = parse_range(wanted or "*")
    return next((text for text in texts if (version := _version(text)) and accepted.contains(version)), None)


def _version(text: str) -> Version | None:
    try:
        return parse(text)
    except InvalidVersion:
        return None


def split_chart_reference(text: str) -> Reference:
    """Read ``oci://host/name:version@digest`` as Helm does: the host is required, ``+`` becomes ``_``, a digest is not looked at.

    Raises ``InvalidReference``. Where the digest will be believed, ``references.checked_digest`` follows.
    """
    name, _, digest = text.removeprefix("oci://").partition("@")
    head, slash, last = name.rpartition("/")
    if not slash:
        raise InvalidReference(f"{text[:120]!r} names no registry: write host/name")
    repository, _, tag = last.partition(":")
    domain, _, path = f"{head}/{repository}".partition("/")
    if not (is_domain(domain) and is_path(path)) or (tag and not is_tag(tag_of_version(tag))):
        raise InvalidReference(f"{text[:120]!r} is no chart reference (host/name:version)")
    return Reference(domain=domain, path=path, tag=tag_of_version(tag), digest=digest)
