"""Every case of every dialect that we claim. The cases are facts from other projects' own tests.

``DIALECTS`` says which of our functions answers which operation; one missing there is not supported, for the reason in
``NOT_SUPPORTED``. A ``ValueError`` is a refusal.
"""

from collections.abc import Callable
from typing import Any

import pytest

from control_plane.domain.versions import helm, ranges, references, semver

Input = dict[str, Any]
Answer = Callable[[Input], Any]


def valid(read: Callable[[str], object], text: str) -> dict[str, bool]:
    try:
        read(text)
    except ValueError:
        return {"valid": False}
    return {"valid": True}


def is_accepted(read: Callable[[str], object], text: str) -> bool:
    return valid(read, text)["valid"]


def constraint_check(given: Input) -> bool:
    accepted = ranges.parse_range(given["constraint"])
    return accepted.contains(semver.parse(given["version"]), include_prereleases=given["include_prerelease"])


def version_compare(given: Input) -> int:
    a, b = semver.parse(given["a"]), semver.parse(given["b"])
    return (a > b) - (a < b)


def version_increment(given: Input) -> dict[str, str]:
    version = semver.bumped(semver.parse(given["version"]), given["part"])
    return {"normalized": str(version), "original_style": version.original}


def parsed(reference: references.Reference) -> dict[str, str]:
    return {
        "domain": reference.domain,
        "repository": reference.repository,
        "tag": reference.tag,
        "digest": reference.digest,
    }


def chart_reference(given: Input) -> dict[str, str]:
    reference = helm.split_chart_reference(given["reference"])
    return {
        "registry": reference.domain,
        "repository": reference.path,
        "tag": reference.tag,
        "digest": reference.digest,
    }


def domain_and_path(reference: references.Reference) -> dict[str, str]:
    return {"domain": reference.domain, "path": reference.path}


def split_domain(given: Input) -> dict[str, str]:
    if given["normalize"]:
        return dict(zip(("domain", "path"), references.split_domain(given["name"]), strict=True))
    return domain_and_path(references.parse(given["name"]))


def normalised(given: Input) -> dict[str, str]:
    reference = references.normalise(given["name"])
    return {**domain_and_path(reference), "familiar": reference.familiar, "full": reference.repository}


def any_normalised(given: Input) -> str:
    text = given["reference"]
    if references.is_identifier(text):
        return f"sha256:{text}"
    return text if is_accepted(references.checked_digest, text) else str(references.normalise(text))


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

HELM: dict[str, Answer] = {
    "constraint_check": constraint_check,
    "is_version_range": lambda given: helm.is_range(given["text"]),
    "oci_tag_select": lambda given: {"tag": helm.first_match(given["tags"], given["version"])},
    "index_first": lambda given: helm.newest_first(given["versions"])[0],
    "index_get": lambda given: helm.first_match(helm.newest_first(given["versions"]), given["version"]),
    "chart_reference_parse": chart_reference,
}

REFERENCES: dict[str, Answer] = {
    "reference_parse": lambda given: parsed(references.parse(given["reference"])),
    "reference_parse_canonical_only": lambda given: domain_and_path(references.canonical(given["reference"])),
    "reference_split_domain": split_domain,
    "reference_format": lambda given: references.format_reference(
        given["name"], tag=given["tag"], digest=given["digest"]
    ),
    "name_valid": lambda given: valid(references.parse, given["name"]),
    "normalized_name_valid": lambda given: is_accepted(references.normalise, given["name"]),
    "reference_normalize": normalised,
    "reference_any_normalize": any_normalised,
    "reference_docker_ref": lambda given: str(references.docker_reference(given["reference"])),
    "domain_valid": lambda given: references.is_domain(given["domain"]),
    "identifier_valid": lambda given: references.is_identifier(given["identifier"]),
}

DIALECTS: dict[str, dict[str, Answer]] = {
    "masterminds-semver": MASTERMINDS,
    "helm-version-select": HELM,
    "distribution-reference": REFERENCES,
}

ONE_REFERENCE_DIALECT = "references are read by distribution/reference alone, which Docker and Kubernetes follow"
NOT_SUPPORTED: dict[str, str] = {
    "argocd-image-updater": "Argo CD Image Updater's strategies are not offered as a policy yet",
    "flux-imagepolicy": "Flux image policies are not offered as a policy yet",
    "flux1-tagpattern-image": "Flux v1 tag patterns are not offered as a policy yet",
    "k8supdater-frontier": "K8sUpdater's frontier is not offered as a policy yet",
    "keel-policy": "Keel policies are not offered as a policy yet",
    "packaging-pep440": "PEP 440 is not offered as a version scheme yet",
    "ggcr-name": ONE_REFERENCE_DIALECT,
    "oras-reference": ONE_REFERENCE_DIALECT,
}

REFUSED = object()


def test_case(dialect: str, case: dict[str, Any]) -> None:
    answer = DIALECTS.get(dialect, {}).get(case["op"])
    if answer is None:
        pytest.skip(
            NOT_SUPPORTED.get(f"{dialect}/{case['op']}")
            or NOT_SUPPORTED.get(dialect)
            or f"no answer to {case['op']} yet"
        )
    try:
        actual = answer(case["input"])
    except ValueError:
        actual = REFUSED
    assert actual == wanted(case["expected"])


def wanted(expected: Any) -> Any:
    """Only the refusal counts, not its name; ``valid`` says it in its own way."""
    if isinstance(expected, dict) and "valid" in expected:
        return {"valid": expected["valid"]}
    return REFUSED if isinstance(expected, dict) and expected.get("error") else expected
