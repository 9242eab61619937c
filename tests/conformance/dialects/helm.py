"""Helm's choice of a chart's version, and its references of charts."""

from control_plane.domain.versions import helm
from tests.conformance.dialects.answering import Answer, Input
from tests.conformance.dialects.masterminds import constraint_check


def is_compatible(given: Input) -> bool:
    """Helm says no to what cannot be read."""
    try:
        return constraint_check(given)
    except ValueError:
        return False


def index_first(given: Input) -> str:
    found = helm.newest_first(given["versions"])
    if not found:
        raise ValueError("there is no version")
    return found[0]


def chart_reference(given: Input) -> dict[str, str]:
    reference = helm.split_chart_reference(given["reference"])
    return {
        "registry": reference.domain,
        "repository": reference.path,
        "tag": reference.tag,
        "digest": reference.digest,
    }


HELM: dict[str, Answer] = {
    "constraint_check": is_compatible,
    "is_version_range": lambda given: helm.is_range(given["text"]),
    "oci_tag_select": lambda given: {"tag": helm.first_match(given["tags"], given["version"])},
    "index_first": index_first,
    "index_get": lambda given: helm.first_match(helm.newest_first(given["versions"]), given["version"]),
    "chart_reference_parse": chart_reference,
}

ANSWERS: dict[str, dict[str, Answer]] = {"helm-version-select": HELM}
