"""The pure rules of a registry's client: scopes, retries, challenges, and where it may be sent."""

import pytest

from cluster_agent.contract import sha256_hex
from control_plane.domain.errors import Transient, Untrusted
from control_plane.upstreams import registry_auth
from control_plane.upstreams.registry_protocol import (
    RetryPlan,
    checked_manifest_digest,
    error_codes,
    is_retryable,
    is_temporary,
    next_page,
    without_secrets,
)


@pytest.mark.parametrize(
    ("scopes", "cleaned"),
    [
        ([], []),
        (["repository:foo:push,pull,push,delete"], ["repository:foo:delete,pull,push"]),
        (["repository:foo:,"], []),
        (["repository:foo:pull", "repository:bar:push"], ["repository:bar:push", "repository:foo:pull"]),
        (
            [
                "repository:b:push",
                "repository:a:pull",
                "repository:b:delete,pull",
                "registry:catalog:*",
                "registry:catalog:pull",
            ],
            ["registry:catalog:*", "repository:a:pull", "repository:b:delete,pull,push"],
        ),
        (["unknown"], ["unknown"]),
        (
            ["repository:foo:pull", "unknown", "invalid:scope", "no:actions:", "repository:foo:push"],
            ["invalid:scope", "repository:foo:pull,push", "unknown"],
        ),
        (["repository:localhost:5000/foo:pull,push"], ["repository:localhost:5000/foo:pull,push"]),
    ],
)
def test_scopes_are_merged(scopes: list[str], cleaned: list[str]) -> None:
    assert registry_auth.clean_scopes(scopes) == cleaned


@pytest.mark.parametrize(
    ("repository", "actions", "scope"),
    [
        ("", ["pull"], ""),
        ("foo", [], ""),
        ("foo", [""], ""),
        ("foo", ["push", "pull", "pull"], "repository:foo:pull,push"),
        ("foo", ["pull", "*"], "repository:foo:*"),
    ],
)
def test_scope_of_a_repository(repository: str, actions: list[str], scope: str) -> None:
    assert registry_auth.repository_scope(repository, actions) == scope


@pytest.mark.parametrize(
    ("headers", "scheme", "parameters"),
    [
        (["BASIC"], "basic", 0),
        (["Negotiate", 'Basic realm="http://auth.example.com/token"'], "basic", 1),
        (["Negotiate", "Digest"], "negotiate", 0),
        ([], "unknown", 0),
    ],
)
def test_ping(headers: list[str], scheme: str, parameters: int) -> None:
    challenge = registry_auth.answer_to_ping(401, headers)
    assert (challenge.scheme, len(challenge.params)) == (scheme, parameters)


def test_ping_that_is_refused_says_nothing() -> None:
    assert registry_auth.answer_to_ping(200, []).scheme == ""
    with pytest.raises(Transient, match="403"):
        registry_auth.answer_to_ping(403, ["Bearer realm=x"])


@pytest.mark.parametrize(
    ("url", "insecure", "allowed"),
    [
        ("https://cdn.example.com/x", False, True),
        ("http://cdn.example.com/x", True, True),
        ("http://cdn.example.com/x", False, False),
        ("http://127.0.0.1/x", True, False),
        ("https://[::1]/x", False, False),
        ("https://[fd00:ec2::254]/x", False, False),
        ("https://169.254.169.254/latest/meta-data/", False, False),
        ("https://10.0.0.1/x", False, False),
        ("https://8.8.8.8/x", False, True),
        ("ftp://cdn.example.com/x", False, False),
        ("file:///etc/passwd", False, False),
    ],
)
def test_foreign_layers(url: str, insecure: bool, allowed: bool) -> None:
    assert registry_auth.is_foreign_url_allowed(url, insecure=insecure) is allowed


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/x",
        "https://0x7f.1/x",
        "https://0177.0.0.1/x",
        "https://127.1/x",
        "https://[::ffff:169.254.169.254]/x",
        "https://[fe80::1%25eth0]/x",
        "https://u:p@127.0.0.1/x",
        "https://u:p@[::1]/x",
        "https://LOCALHOST/x",
        "https://127.0.0.1\n/x",
        "https://cdn.example.com\\@127.0.0.1/x",
        "https:///x",
        "https://[/x",
        "https://cdn.example.com:port/x",
    ],
)
def test_internal_addresses_are_known_however_they_are_written(url: str) -> None:
    assert not registry_auth.is_foreign_url_allowed(url, insecure=True)
    assert not registry_auth.is_realm_allowed(url, "registry.example.com", insecure=True)


def test_private_networks_are_not_read_in_the_clear() -> None:
    assert registry_auth.default_scheme("10.2.3.4:5000") == "https"
    assert registry_auth.default_scheme("[::1]:5000") == "http"


@pytest.mark.parametrize(
    ("status", "again"), [(200, False), (404, False), (401, False), (408, True), (429, True), (503, True)]
)
def test_what_may_pass(status: int, again: bool) -> None:
    assert is_retryable(status) is again


def test_waits_grow_within_their_limits() -> None:
    plan = RetryPlan()
    assert [plan.wait(attempt, again=True, share=0.5) for attempt in range(6)] == [0.25, 0.5, 1.0, 2.0, 4.0, None]
    assert plan.wait(0, again=False, share=0.5) is None
    assert plan.wait(9, again=True, share=0.5) is None
    assert RetryPlan(longest=3.0).wait(4, again=True, share=0.0) == 3.0


@pytest.mark.parametrize(
    ("asked", "share", "wait"), [(2, 0.0, 2.0), (2, 1.0, 2.2), (60, 1.0, 60.0), (1e12, 0.0, 60.0), (0, 0.5, 0.25)]
)
def test_what_the_server_asks_is_kept(asked: float, share: float, wait: float) -> None:
    assert RetryPlan().wait(0, again=True, share=share, asked=asked) == pytest.approx(wait)


@pytest.mark.parametrize(
    ("realm", "registry", "insecure", "allowed"),
    [
        ("https://0.0.0.0:8443/token", "", False, False),
        ("https://[::]:8443/token", "", False, False),
        ("https://10.0.0.1/token", "", False, False),
        ("https://8.8.8.8/token", "", False, True),
        ("https://auth.example.com/token", "", False, True),
        ("http://127.0.0.1:5000/auth", "127.0.0.1:5000", True, True),
        ("http://127.0.0.1:8080/auth", "127.0.0.1:5000", True, False),
        ("https://10.0.0.1/auth", "10.0.0.1", False, True),
        ("http://[::1]:5000/auth", "[::1]:5000", True, True),
        ("http://127.0.0.1:5000/auth", "registry.example.com", True, False),
        ("https://169.254.169.254/auth", "registry.example.com", False, False),
        ("http://127.0.0.1:5000/auth", "127.0.0.1:5000", False, False),
    ],
)
def test_token_realms(realm: str, registry: str, insecure: bool, allowed: bool) -> None:
    assert registry_auth.is_realm_allowed(realm, registry, insecure=insecure) is allowed


@pytest.mark.parametrize("header", ["", "<", "><", "<>", "<\x7f>", "</v2/_catalog", "garbage"])
def test_links_that_lead_nowhere(header: str) -> None:
    try:
        found = next_page("https://example.com/v2/myrepo/tags/list", header)
    except Transient:
        found = None
    assert found is None


@pytest.mark.parametrize(
    ("header", "following"),
    [
        ('</v2/a?n=1>; rel="next"', "https://example.com/v2/a?n=1"),
        ('</p>; rel="prev", </n>; rel="next"', "https://example.com/n"),
        ('</n>; title="a, b"; REL=next , </l>; rel=last', "https://example.com/n"),
        ('</n>; rel="last next"', "https://example.com/n"),
        ('</p>; rel="prev"', None),
        ("</n>", "https://example.com/n"),
        ("<https://EXAMPLE.com:443/n>", "https://EXAMPLE.com:443/n"),
    ],
)
def test_the_next_page(header: str, following: str | None) -> None:
    assert next_page("https://example.com/v2/a", header) == following


@pytest.mark.parametrize(
    "header",
    [
        "<https://example.com:444/n>",
        "<http://example.com/n>",
        "<//evil.com/n>",
        "<https://u:p@example.com/n>",
        "</%zz>",
        "</a\\b>",
    ],
)
def test_pages_elsewhere_are_refused(header: str) -> None:
    with pytest.raises(Transient):
        next_page("https://example.com/v2/a", header)


@pytest.mark.parametrize(
    "secret",
    [
        "X-Amz-Security-Token", "X-Goog-Signature", "private_token", "api_key", "sig", "Policy", "anything", "access_token"
    ],
)  # fmt: skip
def test_an_address_in_a_message_tells_no_secret(secret: str) -> None:
    said = without_secrets(f"https://me:hunter2@r.example.com/v2/a/tags/list?n=100&{secret}=S3CRET&last=1.0#S3CRET")
    assert said == f"https://r.example.com/v2/a/tags/list?n=100&{secret}=REDACTED&last=1.0"


WANTED, ANOTHER = f"sha256:{sha256_hex(b'body')}", f"sha256:{'f' * 64}"


@pytest.mark.parametrize(
    ("asked", "header", "body", "digest"),
    [
        ("tag", None, b"body", WANTED),
        ("tag", ANOTHER, b"body", WANTED),
        ("tag", ANOTHER, None, ANOTHER),
        (WANTED, None, b"body", WANTED),
        (WANTED, None, None, WANTED),
        (WANTED, WANTED, None, WANTED),
    ],
)
def test_the_digest_of_a_manifest(asked: str, header: str | None, body: bytes | None, digest: str) -> None:
    assert checked_manifest_digest(asked, header, body) == digest


@pytest.mark.parametrize(
    ("asked", "header", "body", "error"),
    [
        ("tag", None, None, Transient),
        ("tag", "sha256:xyz", None, Transient),  # else it would be written down as a tag that moved
        ("tag", "not a digest", b"body", Transient),
        (WANTED, ANOTHER, b"body", Untrusted),
        (WANTED, ANOTHER, None, Untrusted),
        (WANTED, WANTED, b"evil", Untrusted),
    ],
)
def test_digests_that_do_not_agree(asked: str, header: str | None, body: bytes | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        checked_manifest_digest(asked, header, body)


@pytest.mark.parametrize(
    ("codes", "status", "is_later"),
    [
        ([], 0, False),
        ([], 500, True),
        ([], 404, False),
        (["TOOMANYREQUESTS"], 429, True),
        (["UNKNOWN", "DENIED"], 500, False),
    ],
)
def test_what_says_later(codes: list[str], status: int, is_later: bool) -> None:
    assert is_temporary(codes, status) is is_later


@pytest.mark.parametrize(
    ("header", "scheme", "parameters"),
    [
        ("foo bar", "unknown", {}),
        ("basic", "basic", {}),
        ('Basic realm="Test Registry"', "basic", {"realm": "Test Registry"}),
        (
            'Bearer realm="https://a.io/token" , service="a.io"',
            "bearer",
            {"realm": "https://a.io/token", "service": "a.io"},
        ),
        (
            'Bearer realm = "https://a.io/t"   ,service=a.io, Scope  ="x:pull,push"  ',
            "bearer",
            {"realm": "https://a.io/t", "service": "a.io", "scope": "x:pull,push"},
        ),
        ('Bearer realm="https://a.io/t", Basic realm="x"', "bearer", {"realm": "https://a.io/t"}),
        ("Bearer,", "bearer", {}),
        ('Bearer realm="https://a.io/token",service', "bearer", {"realm": "https://a.io/token"}),
        (
            'Bearer realm="https://a.io/token",service=a.io,scope="repository:x:pull,push"',
            "bearer",
            {"realm": "https://a.io/token", "service": "a.io", "scope": "repository:x:pull,push"},
        ),
        ('Bearer foo="foo,bar",hello="hello \\"world\\""', "bearer", {"foo": "foo,bar", "hello": 'hello "world"'}),
    ],
)
def test_challenges(header: str, scheme: str, parameters: dict[str, str]) -> None:
    challenge = registry_auth.parse_challenge(header)
    assert (challenge.scheme, challenge.params) == (scheme, parameters)


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (b"", []),
        (b"Not JSON", []),
        (b"[]", []),
        (b'{"errors": null}', []),
        (
            b'{"errors": [{"code": "NAME_INVALID", "message": "m"}, {"code": "SIZE_INVALID"}, "x"]}',
            ["NAME_INVALID", "SIZE_INVALID"],
        ),
    ],
)
def test_error_bodies(body: bytes, codes: list[str]) -> None:
    assert error_codes(body) == codes
