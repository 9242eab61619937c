"""distribution/reference's references, and those of its peers that we follow."""

from control_plane.domain.versions import references
from control_plane.upstreams import registry_auth
from tests.conformance.dialects.answering import Answer, Input, is_accepted, valid


def parsed(reference: references.Reference) -> dict[str, str]:
    return {
        "domain": reference.domain,
        "repository": reference.repository,
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

ANSWERS: dict[str, dict[str, Answer]] = {
    "distribution-reference": REFERENCES,
    "ggcr-name": {"registry_default_scheme": lambda given: registry_auth.default_scheme(given["registry"])},
}

ONE_REFERENCE_DIALECT = "references are read by distribution/reference alone, which Docker and Kubernetes follow"
NOT_SUPPORTED: dict[str, str] = {"ggcr-name": ONE_REFERENCE_DIALECT, "oras-reference": ONE_REFERENCE_DIALECT}
