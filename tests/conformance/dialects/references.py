"""distribution/reference's references, and those of its peers that we follow."""

from typing import Any

from control_plane.domain.versions import reference_dialects, references
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
    read = references.normalise if given["normalize"] else references.parse_name
    return domain_and_path(read(given["name"]))


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
    "reference_format": lambda given: references.compose(given["name"], tag=given["tag"], digest=given["digest"]),
    "name_valid": lambda given: valid(references.parse_name, given["name"]),
    "normalized_name_valid": lambda given: is_accepted(references.normalise, given["name"]),
    "reference_normalize": normalised,
    "reference_any_normalize": any_normalised,
    "reference_docker_ref": lambda given: str(references.docker_reference(given["reference"])),
    "domain_valid": lambda given: references.is_domain(given["domain"]),
    "identifier_valid": lambda given: references.is_identifier(given["identifier"]),
}


def ggcr_name(given: Input) -> dict[str, bool]:
    """``weak`` names need defaults filled in, ``any`` are the same in both modes."""

    def is_read(*, strict: bool) -> bool:
        return is_accepted(lambda text: reference_dialects.read_name(text, given["kind"], strict=strict), given["text"])

    modes = {"weak": (False,), "strict": (True,), "any": (False, True)}[given["mode"]]
    answers = {is_read(strict=strict) for strict in modes}
    assert len(answers) == 1
    return {"valid": answers.pop()}


def artifact(given: Input) -> dict[str, Any]:
    found = reference_dialects.read_artifact(given["reference"])
    return {"registry": found.domain, "repository": found.path, "tag": found.tag, "digest": found.digest}


GGCR: dict[str, Answer] = {
    "name_parse": ggcr_name,
    "registry_default_scheme": lambda given: reference_dialects.default_scheme(given["registry"]),
    "registry_is_private_ip": lambda given: reference_dialects.is_private_network(given["registry"]),
}

ORAS: dict[str, Answer] = {
    "oci_reference_parse": artifact,
    "registry_api_host": lambda given: reference_dialects.api_host(given["registry"]),
}

ANSWERS: dict[str, dict[str, Answer]] = {
    "distribution-reference": REFERENCES,
    "ggcr-name": GGCR,
    "oras-reference": ORAS,
}
