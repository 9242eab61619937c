"""Masterminds/semver's versions and constraints."""

from control_plane.domain.versions import ranges, semver
from tests.conformance.dialects.answering import Answer, Input, valid


def constraint_check(given: Input) -> bool:
    accepted = ranges.parse_range(given["constraint"])
    return accepted.contains(semver.parse(given["version"]), include_prereleases=given["include_prerelease"])


def version_compare(given: Input) -> int:
    a, b = semver.parse(given["a"]), semver.parse(given["b"])
    return (a > b) - (a < b)


def version_increment(given: Input) -> dict[str, str]:
    version = semver.bumped(semver.parse(given["version"]), given["part"])
    return {"normalized": str(version), "original_style": version.original}


MASTERMINDS: dict[str, Answer] = {
    "constraint_check": constraint_check,
    "constraint_parse": lambda given: valid(ranges.parse_range, given["constraint"]),
    "version_parse": lambda given: valid(
        semver.parse_strict if given["mode"] == "strict" else semver.parse, given["version"]
    ),
    "version_normalize": lambda given: str(semver.parse(given["version"])),
    "version_compare": version_compare,
    "version_greater_than": lambda given: semver.parse(given["a"]) > semver.parse(given["b"]),
    "version_increment": version_increment,
    "version_sort_asc": lambda given: [str(version) for version in sorted(map(semver.parse, given["versions"]))],
}

ANSWERS: dict[str, dict[str, Answer]] = {"masterminds-semver": MASTERMINDS}
