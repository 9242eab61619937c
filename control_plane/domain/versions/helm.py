"""What Helm itself does with version texts where charts are listed or named: PURE, and kept to Helm's behaviour.

Helm takes the *first* version of a list that satisfies a range, so an index is sorted newest first before it is asked;
our own choice (``selection.choose``) does not depend on a list's order.
"""

import re
from collections.abc import Sequence

import msgspec

from control_plane.domain.versions.ranges import InvalidRange, parse_range
from control_plane.domain.versions.reference_dialects import read_bare_artifact
from control_plane.domain.versions.references import InvalidReference, Reference
from control_plane.domain.versions.semver import InvalidVersion, Version, parse

_OPERATOR = re.compile(r"[\^~<>=!*]|\|\|| - ")
_AFTER_NUMBERS = re.compile("[-+]")


def tag_of_version(version: str) -> str:
    """Return the OCI tag of a chart's version: a tag may not have ``+``, so Helm writes ``_``."""
    return version.replace("+", "_")


def version_of_tag(tag: str) -> str:
    """Return the chart version that a tag stands for: ``_`` back to ``+``."""
    return tag.replace("_", "+")


def is_range(text: str) -> bool:
    """Return whether Helm takes ``text`` for a range: it has an operator or a wildcard, whether it can be read or not."""
    numbers = _AFTER_NUMBERS.split(text, maxsplit=1)[0]
    return _OPERATOR.search(text) is not None or "x" in numbers.lower()


def newest_first(texts: Sequence[str]) -> list[str]:
    """Return the versions among ``texts``, newest first; what is no version is left out."""
    versions = [version for text in texts if (version := _version(text))]
    return [version.original for version in sorted(versions, reverse=True)]


def first_match(texts: Sequence[str], wanted: str) -> str:
    """Return the text that Helm picks for ``wanted`` (a version or a range; empty: any): the same text, else the first inside.

    Raises ``InvalidRange`` for a range that cannot be read, and where nothing is inside.
    """
    if wanted and wanted in texts:
        return wanted
    accepted = parse_range(wanted or "*")
    for text in texts:
        if (version := _version(text)) and accepted.contains(version):
            return text
    raise InvalidRange(f"no version among {len(texts)} is what {wanted or '*'!r} wants")


def _version(text: str) -> Version | None:
    try:
        return parse(text)
    except InvalidVersion:
        return None


def split_chart_reference(text: str) -> Reference:
    """Read ``oci://host/name:version@digest`` as Helm does: the host is required, ``+`` becomes ``_``, a digest is not looked at.

    Raises ``InvalidReference``, also for two ``@``, of which Helm leaves one unread. Where the digest will be believed,
    ``references.checked_digest`` follows.
    """
    name, _, digest = text.removeprefix("oci://").partition("@")
    if "@" in digest:
        raise InvalidReference(f"{text[:120]!r} names two digests")
    before, colon, version = name.rpartition(":")
    if colon and "/" not in version:
        name = f"{before}:{tag_of_version(version)}"
    return msgspec.structs.replace(read_bare_artifact(name), digest=digest)
