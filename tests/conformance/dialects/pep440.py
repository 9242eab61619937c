"""PEP 440, as pypa/packaging's tests hold it."""

from control_plane.domain.versions.dialects import pep440
from tests.conformance.dialects.answering import Answer, Input, valid


def compare(given: Input) -> int:
    a, b = pep440.parse_version(given["a"]), pep440.parse_version(given["b"])
    return (a > b) - (a < b)


def contains(given: Input) -> bool:
    version = pep440.parse_version(given["version"])
    return pep440.parse_specifiers(given["specifier"]).contains(version, prereleases=given["prereleases"])


PEP440: dict[str, Answer] = {
    "version_compare": compare,
    "version_parse": lambda given: valid(pep440.parse_version, given["version"]),
    "version_normalize": lambda given: str(pep440.parse_version(given["version"])),
    "is_prerelease": lambda given: pep440.parse_version(given["version"]).is_prerelease,
    "specifier_contains": contains,
    "specifier_parse": lambda given: valid(pep440.parse_specifiers, given["specifier"]),
}

ANSWERS: dict[str, dict[str, Answer]] = {"packaging-pep440": PEP440}
