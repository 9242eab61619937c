"""References as go-containerregistry and ORAS read them: what their own tests do not say of Tidegate's two readers."""

import pytest

from control_plane.domain.versions.reference_dialects import (
    api_host,
    default_scheme,
    is_authority,
    is_private_network,
    read_artifact,
    read_bare_artifact,
    read_name,
)
from control_plane.domain.versions.references import InvalidReference

DIGEST = f"sha256:{'deadb33f' * 8}"


@pytest.mark.parametrize(
    "text", ["", "gcr.io", "gcr.io:9001", "localhost:9090", "::1", "[::1]:5000", "10.256.0.0:5000", "a_b", ":", "]"]
)
def test_authorities(text: str) -> None:
    assert is_authority(text)


@pytest.mark.parametrize(
    "text",
    [
        "white space",
        "gcr?com",
        "a/b",
        "user@host",
        "host:port",
        "[::1",
        "[::1]x",
        "a\x7f",
        "a#b",
        "[3]",
        "a[::1]",
        "[10.0.0.1]",
    ],
)
def test_what_is_no_authority(text: str) -> None:
    assert not is_authority(text)


def test_defaults_are_filled_in() -> None:
    found = read_name("ubuntu", "tag", strict=False)
    assert (found.domain, found.path, found.tag) == ("index.docker.io", "library/ubuntu", "latest")
    assert read_name("", "registry", strict=False).domain == "index.docker.io"
    assert read_name("docker.io/library/x", "repository", strict=True).domain == "index.docker.io"


def test_tag_stays_beside_a_digest() -> None:
    found = read_name(f"example.text:8443/foo/bar:v1@{DIGEST}", "digest", strict=True)
    assert (found.domain, found.path, found.tag, found.digest) == ("example.text:8443", "foo/bar", "v1", DIGEST)


@pytest.mark.parametrize(
    "text",
    [
        "gcr.io/p/unknown-alg@unknown:abc123",
        "gcr.io/p/wrong-length@sha256:d34db33fd34db33f",
        "gcr.io/p/missing-digest@",
        f"repo@sha256:{':' * 64}",
        f"repo@sha256:{'sh' * 32}",
        f"repo@sha256:{DIGEST}@{DIGEST}",
        f"library/nginx:@{DIGEST}",
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_bad_digests(text: str, strict: bool) -> None:
    with pytest.raises(InvalidReference):
        read_name(text, "digest", strict=strict)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "registry"),
        ("namespace/path/image", "repository"),
        ("ubuntu", "repository"),
        ("index.docker.io/foo", "repository"),
        ("gcr.io/project/implicit-latest", "tag"),
        (f"library/ubuntu@{DIGEST}", "digest"),
        (f"nginx:latest@{DIGEST}", "digest"),
    ],
)
def test_strict_leaves_nothing_to_defaults(text: str, kind: str) -> None:
    assert read_name(text, kind, strict=False)  # type: ignore[arg-type]
    with pytest.raises(InvalidReference):
        read_name(text, kind, strict=True)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["b@char/image", "white space", "", f"gcr.io/{'a' * 256}", "gcr.io/Upper"])
def test_bad_repositories(text: str) -> None:
    with pytest.raises(InvalidReference):
        read_name(text, "repository", strict=False)


@pytest.mark.parametrize(
    "text",
    ["gcr.io/p/i:c@n'tuse", "gcr.io/p/i:white space", f"gcr.io/p/i:{'t' * 129}", "library/ubuntu:", f"a/b@{DIGEST}"],
)
def test_bad_tags(text: str) -> None:
    with pytest.raises(InvalidReference):
        read_name(text, "tag", strict=False)


@pytest.mark.parametrize("scheme", ["", "oci://", "http://", "https://"])
def test_artifact(scheme: str) -> None:
    found = read_artifact(f"{scheme}localhost:5000/org/repo:v1.2.3-alpha@{DIGEST}")
    assert (found.domain, found.path, found.tag, found.digest) == ("localhost:5000", "org/repo", "v1.2.3-alpha", DIGEST)


@pytest.mark.parametrize(
    "text",
    [
        "localhost",
        "hello-world:linux",
        "/hello-world:linux",
        "localhost/UPPERCASE/test",
        "localhost:v1/hello-world",
        f"registry.example.com/foobar@{DIGEST[:-1]}",
        f"registry.example.com/hello-world:foobar:{DIGEST}",
        f"registry.example.com/hello-world@@{DIGEST}",
        f"registry.example.com/hello-world @{DIGEST}",
        "oci://localhost",
        "oci://invalid registry/repo",
        "localhost/oci://hello-world",
        "OCI://localhost/hello-world",
    ],
)
def test_bad_artifacts(text: str) -> None:
    with pytest.raises(InvalidReference):
        read_artifact(text)


def test_schemes_are_left_off_by_the_next_oras_only() -> None:
    assert read_artifact("oci://ghcr.io/acme/job").path == "acme/job"
    with pytest.raises(InvalidReference):
        read_bare_artifact("oci://ghcr.io/acme/job")


def test_a_tag_before_a_digest_is_not_looked_at() -> None:
    assert read_artifact(f"ghcr.io/job:no+tag@{DIGEST}").tag == "no+tag"
    assert read_artifact("ghcr.io/job@").digest == ""
    with pytest.raises(InvalidReference):
        read_artifact("ghcr.io/job:no+tag@")


@pytest.mark.parametrize(
    ("registry", "scheme"),
    [
        ("10.2.3.4:5000", "http"),
        ("localhost:8080", "http"),
        ("localhost", "https"),
        ("a.localhost", "http"),
        ("127.0.0.2", "https"),
        ("[2001:db8::1]:5000", "https"),
    ],
)
def test_the_scheme_that_go_containerregistry_asks_by(registry: str, scheme: str) -> None:
    assert default_scheme(registry) == scheme


def test_private_networks() -> None:
    assert is_private_network("172.16.3.4:3000")
    assert not is_private_network("10.256.0.0:5000")
    with pytest.raises(InvalidReference):
        is_private_network("10.0.0.1:http")


def test_docker_hub_answers_elsewhere() -> None:
    assert api_host("docker.io") == "registry-1.docker.io"
    assert api_host("ghcr.io") == "ghcr.io"
