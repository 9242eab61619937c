"""The registry client against a small registry that can do what docker-registry cannot: pages, ETags, referrers, tokens, bad days."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from control_plane.domain.errors import NotFound, Transient, Untrusted
from control_plane.domain.sources import SourceSpec
from control_plane.upstreams.http import PoliteClient
from control_plane.upstreams.ledger import MemoryLedger
from control_plane.upstreams.oci import Referrer, RegistryClient
from control_plane.upstreams.oci_source import OciSource
from control_plane.upstreams.politeness import Limits
from tests.support.accounts import Heard, accounts, entry
from tests.support.small_registry import ERROR_CODES, INDEX, MANIFEST, Fault, SmallRegistry, serving

NAME = "ghcr.io/acme/job"
PATH = "/v2/acme/job"


@pytest.fixture
def registry() -> Iterator[SmallRegistry]:
    with serving(SmallRegistry()) as made:
        yield made


def client_of(registry: SmallRegistry, **options: object) -> RegistryClient:
    return RegistryClient(mirrors={"*": registry.url}, timeout=1.0, **options)  # type: ignore[arg-type]


def host_of(registry: SmallRegistry) -> str:
    return registry.url.removeprefix("http://")


def push_tags(registry: SmallRegistry, count: int) -> list[str]:
    for number in range(count):
        registry.push_image("acme/job", f"1.0.{number:04}")
    return [f"1.0.{number:04}" for number in range(count)]


def test_many_tags_come_in_pages_and_cost_nothing_more_while_they_do_not_change(registry: SmallRegistry) -> None:
    registry.page_limit = 40
    tags = push_tags(registry, 95)
    names, memo = client_of(registry).tags_since(NAME, {})
    assert names == tags
    registry.requests.clear()
    restarted = client_of(registry)
    assert restarted.tags_since(NAME, memo) == (None, memo)
    assert registry.requests == {f"GET {PATH}/tags/list": 3}


@pytest.mark.parametrize("with_etags", [True, False])
@pytest.mark.parametrize("count", [1, 41, 50, 99, 100])
def test_a_new_tag_is_seen_whatever_page_it_is_on(registry: SmallRegistry, count: int, with_etags: bool) -> None:
    registry.page_limit, registry.with_etags = 50, with_etags
    tags = push_tags(registry, count)
    client = client_of(registry)
    _, memo = client.tags_since(NAME, {})
    assert client.tags_since(NAME, memo)[0] is None
    for new in ("2.0.0", "0.9.0", "1.0.0000-fix"):
        registry.push_image("acme/job", new)
        tags = sorted([*tags, new])
        names, memo = client.tags_since(NAME, memo)
        assert names == tags
        assert client.tags_since(NAME, memo)[0] is None


def http_date(ago: float) -> str:
    return format_datetime(datetime.now(UTC) - timedelta(seconds=ago), usegmt=True)


def test_a_registry_without_etags_is_asked_by_the_date_it_tells(registry: SmallRegistry) -> None:
    registry.with_etags, registry.modified = False, http_date(3600)
    push_tags(registry, 3)
    client = client_of(registry)
    names, memo = client.tags_since(NAME, {})
    assert registry.modified in memo["pages"]
    registry.push_image("acme/job", "unseen")
    assert client.tags_since(NAME, memo) == (None, memo), "the registry said 304"
    registry.modified = http_date(10)
    assert client.tags_since(NAME, memo)[0] == [*names, "unseen"]


def test_a_date_of_this_very_second_proves_nothing(registry: SmallRegistry) -> None:
    registry.with_etags, registry.modified = False, http_date(0)
    push_tags(registry, 3)
    client = client_of(registry)
    names, memo = client.tags_since(NAME, {})
    assert "pages" not in memo
    registry.push_image("acme/job", "the-same-second")
    assert client.tags_since(NAME, memo)[0] == [*(names or ()), "the-same-second"]


def test_a_memo_is_trusted_for_some_hours_only(registry: SmallRegistry) -> None:
    push_tags(registry, 3)
    now = [1e9]
    client = client_of(registry, clock=lambda: now[0])
    names, memo = client.tags_since(NAME, {})
    now[0] += 7 * 3600
    again, renewed = client.tags_since(NAME, memo)
    assert again == names
    assert client.tags_since(NAME, renewed)[0] is None
    for damaged in ({"pages": "["}, {"pages": "{}"}, memo | {"pages": memo["pages"].replace("acme", "evil")}):
        assert client.tags_since(NAME, damaged)[0] == names


def test_a_mutable_tag_is_followed_by_head_alone(registry: SmallRegistry) -> None:
    first = registry.push_image("acme/job", "latest", seed="1")
    client = client_of(registry)
    assert client.head(f"{NAME}:latest") == first
    second = registry.push_image("acme/job", "latest", seed="2")
    assert client.head(f"{NAME}:latest") == second != first
    assert registry.requests == {f"HEAD {PATH}/manifests/latest": 2}


def test_an_images_platform_age_and_source_are_read_without_a_layer(registry: SmallRegistry) -> None:
    labels = {"org.opencontainers.image.source": "https://github.com/acme/job", "shared": "label"}
    digest = registry.push_image("acme/job", "1", labels=labels, shared="annotation")
    found = client_of(registry).detail(f"{NAME}:1")
    assert (found.digest, found.media_type, found.platforms) == (digest, MANIFEST, ("linux/amd64",))
    assert found.annotations == labels | {"shared": "annotation"}
    assert found.created_at == datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
    assert registry.requests.total() == 2


def test_an_index_tells_its_platforms_in_one_request(registry: SmallRegistry) -> None:
    platforms = [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
        {"os": "unknown", "architecture": "unknown"},
    ]
    digest = registry.push_index("acme/job", "1", platforms)
    tag = OciSource(client_of(registry)).detail(SourceSpec(kind="oci", location=NAME), "1", platforms=True)
    assert (tag.digest, tag.platforms) == (digest, ("linux/amd64", "linux/arm64/v8"))
    assert registry.requests == {f"GET {PATH}/manifests/1": 1}


@pytest.mark.parametrize("with_referrers", [True, False])
def test_referrers_are_found_by_their_api_or_by_the_tag_that_stands_in(
    registry: SmallRegistry, with_referrers: bool
) -> None:
    registry.with_referrers = with_referrers
    subject = registry.push_image("acme/job", "1")
    client = client_of(registry)
    assert client.referrers(NAME, subject) == []
    signature = registry.push_referrer("acme/job", subject, "application/vnd.example.signature")
    assert client.referrers(NAME, subject) == [
        Referrer(digest=signature, media_type=MANIFEST, artifact_type="application/vnd.example.signature")
    ]


SAID = {
    "org.opencontainers.image.source": "https://github.com/acme/job",
    "org.opencontainers.image.revision": "0a1b2c",
    "org.opencontainers.image.title": "job",
    "org.opencontainers.image.version": "1.2",
    "org.opencontainers.image.vendor": "Acme",
    "maintainer": "nobody asked",
}


def test_what_an_image_says_about_itself_is_kept_for_people(registry: SmallRegistry) -> None:
    digest = registry.push_image("acme/job", "1", labels=SAID)
    for kind in ("application/vnd.example.signature", "application/spdx+json"):
        registry.push_referrer("acme/job", digest, kind)
    notes = OciSource(client_of(registry)).notes(SourceSpec(kind="oci", location=NAME), "1", digest, since="")
    assert notes is not None
    assert (notes.title, notes.url, notes.author) == ("job 1.2", "https://github.com/acme/job", "Acme")
    assert notes.body.splitlines() == [
        "Source: https://github.com/acme/job",
        "Revision: 0a1b2c",
        "Made: 2026-01-02 03:04 UTC",
        "Referred to by: 1 × application/spdx+json",
        "Referred to by: 1 × application/vnd.example.signature",
    ]


def test_of_an_index_the_first_image_speaks_where_the_index_does_not(registry: SmallRegistry) -> None:
    """Most images are built for several platforms, and have their labels in each image's config alone."""
    image = registry.push_image("acme/job", "amd64", labels=SAID)
    entries = [
        {
            "mediaType": MANIFEST,
            "digest": f"sha256:{'0' * 64}",
            "size": 1,
            "platform": {"architecture": "unknown", "os": "unknown"},
        },
        {"mediaType": MANIFEST, "digest": image, "size": 1, "platform": {"architecture": "amd64", "os": "linux"}},
    ]
    annotations = {"org.opencontainers.image.revision": "of-the-index"}
    content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": annotations}
    digest = registry.push_manifest("acme/job", "1", content)
    notes = OciSource(client_of(registry)).notes(SourceSpec(kind="oci", location=NAME), "1", digest, since="")
    assert notes is not None
    assert notes.body.splitlines()[:2] == ["Source: https://github.com/acme/job", "Revision: of-the-index"]
    assert notes.published_at == datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)


def test_an_artifact_that_says_nothing_has_no_notes(registry: SmallRegistry) -> None:
    digest = registry.push_index("acme/job", "1", [])
    assert OciSource(client_of(registry)).notes(SourceSpec(kind="oci", location=NAME), "1", digest, since="") is None


def test_a_token_is_asked_for_once_by_many_threads_and_kept_for_its_life(registry: SmallRegistry) -> None:
    push_tags(registry, 3)
    registry.accounts, registry.token_seconds = {"acme/locked": ("me", "p")}, 300
    now = [time.time()]
    client = client_of(registry, clock=lambda: now[0])
    seen: list[list[str]] = []
    threads = [threading.Thread(target=lambda: seen.append(client.tags(NAME))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(tags) for tags in seen] == [3] * 8
    assert registry.requests["GET /token"] == 1
    registry.requests.clear()
    client.tags(NAME)
    assert registry.requests == {f"GET {PATH}/tags/list": 1}
    now[0] += 299
    client.tags(NAME)
    assert registry.requests["GET /token"] == 1  # before it expires, not after


def test_two_accounts_on_one_host_by_path_and_by_application(registry: SmallRegistry) -> None:
    host = host_of(registry)
    for name in ("acme/job", "other/job", "wiki/job"):
        registry.push_image(name, "1")
    registry.accounts = {"acme": ("a", "pa"), "other": ("b", "pb"), "wiki": ("w", "pw")}
    wiki = entry(host, "w", "pw", application="wiki")
    found = accounts(entry(f"{host}/acme", "a", "pa"), entry(f"{host}/other", "b", "pb"), wiki)
    client = RegistryClient(accounts=found)
    assert client.tags(f"{host}/acme/job") == client.tags(f"{host}/other/job") == ["1"]
    assert client.tags(f"{host}/wiki/job", application="wiki") == ["1"]
    assert registry.passwords_seen == ["a:pa", "b:pb", "w:pw"]
    with pytest.raises(Transient, match="gives no token") as caught:
        client.tags(f"{host}/wiki/job")
    assert registry.passwords_seen[-1] == ""
    assert "pw" not in caught.value.message


def test_a_token_of_one_application_does_not_serve_another(registry: SmallRegistry) -> None:
    host = host_of(registry)
    registry.push_image("acme/job", "1")
    registry.accounts = {"": ("w", "pw")}
    client = RegistryClient(accounts=accounts(entry(host, "w", "pw", application="wiki")))
    assert client.tags(f"{host}/acme/job", application="wiki") == ["1"]
    with pytest.raises(Transient):
        client.tags(f"{host}/acme/job", application="another")


def test_an_identity_token_is_exchanged_by_its_grant_and_never_stands_in_a_url(registry: SmallRegistry) -> None:
    host, heard = host_of(registry), Heard()
    registry.push_image("acme/job", "1")
    registry.accounts, registry.identities = {"": ("me", "pw")}, {"ident1ty": "me"}
    found = accounts(entry(host, "", "ident1ty", "identity"))
    found.note = heard
    client = RegistryClient(accounts=found)
    assert client.tags(f"{host}/acme/job") == client.tags(f"{host}/acme/job") == ["1"]
    (grant,) = registry.grants
    assert grant == {
        "grant_type": "refresh_token",
        "client_id": "tidegate",
        "service": "small",
        "scope": "repository:acme/job:pull",
        "refresh_token": "ident1ty",
    }
    assert registry.passwords_seen == []
    assert set(heard.said) == {("", "")}


def test_an_identity_token_that_is_refused_is_told_without_it(registry: SmallRegistry) -> None:
    host, heard = host_of(registry), Heard()
    registry.push_image("acme/job", "1")
    registry.accounts = {"": ("me", "pw")}
    found = accounts(entry(host, "", "expired-one", "identity"))
    found.note = heard
    with pytest.raises(Transient, match="gives no token for an identity token: HTTP 401") as caught:
        RegistryClient(accounts=found).tags(f"{host}/acme/job")
    assert "expired-one" not in caught.value.message
    assert heard.said == [("", "HTTP 401")]


def test_a_mirror_gets_no_password(registry: SmallRegistry) -> None:
    registry.push_image("acme/job", "1")
    registry.accounts = {"elsewhere": ("x", "y")}
    found = accounts(entry("ghcr.io"), entry(host_of(registry)))
    assert client_of(registry, accounts=found).tags(NAME) == ["1"]
    assert registry.passwords_seen == [""]


def test_a_registry_that_asks_to_wait_is_left_alone_by_all(registry: SmallRegistry) -> None:
    push_tags(registry, 3)
    client, registry.limited, registry.retry_after = client_of(registry), 1, "1"
    for name in (NAME, "ghcr.io/acme/other"):
        with pytest.raises(Transient) as caught:
            client.tags(name)
        assert (caught.value.code, round(caught.value.retry_after)) == ("registry_busy", 1)
    assert registry.requests.total() == 1
    time.sleep(1.01)
    assert len(client.tags(NAME)) == 3


@pytest.mark.parametrize("fault", ["error", "html", "truncated", "slow"])
def test_a_bad_day_is_never_no_such_tag(registry: SmallRegistry, fault: Fault) -> None:
    push_tags(registry, 3)
    client = client_of(registry)
    _, memo = client.tags_since(NAME, {})
    registry.push_image("acme/job", "9")
    registry.fault = fault
    with pytest.raises(Transient):
        client.tags_since(NAME, memo)
    registry.fault = ""
    assert len(client.tags_since(NAME, memo)[0] or ()) == 4


def test_wrong_bytes_are_never_believed(registry: SmallRegistry) -> None:
    digest = registry.push_image("acme/job", "1")
    registry.fault = "wrong digest"
    with pytest.raises(Untrusted):
        client_of(registry).detail(f"{NAME}@{digest}")


def test_a_registry_that_fails_is_left_alone_and_probed(registry: SmallRegistry) -> None:
    push_tags(registry, 3)
    ledger = MemoryLedger()
    http = PoliteClient(default=Limits(failures=3), ledger=ledger, dice=lambda: 0.0)
    client, registry.fault = client_of(registry, http=http), "error"
    codes = []
    for _ in range(5):
        with pytest.raises(Transient) as caught:
            client.tags(NAME)
        codes.append(caught.value.code)
    assert codes[3:] == ["circuit_open"] * 2
    assert registry.requests.total() == 3
    (host,) = ledger.hosts.values()
    assert (host.circuit(time.time()), host.why) == ("open", "3 failures in a row, the last one: HTTP 500")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/acme/none/manifests/1", 404, "NAME_UNKNOWN"),
        ("GET", f"{PATH}/manifests/none", 404, "MANIFEST_UNKNOWN"),
        ("HEAD", f"{PATH}/manifests/none", 404, ""),
        ("HEAD", f"{PATH}/manifests/1", 200, ""),
        ("GET", f"{PATH}/tags/list?n=0", 200, ""),
        ("GET", f"{PATH}/tags/list?n=x", 400, "UNSUPPORTED"),
        ("GET", "/v2/", 200, ""),
    ],
)
def test_the_small_registry_follows_the_specification(
    registry: SmallRegistry, method: str, path: str, status: int, code: str
) -> None:
    registry.push_image("acme/job", "1")
    answer = httpx2.request(method, registry.url + path)
    assert answer.status_code == status
    if code:
        assert [one["code"] for one in answer.json()["errors"]] == [code]
        assert code in ERROR_CODES
    if (method, status) == ("HEAD", 200):
        assert answer.headers["docker-content-digest"].startswith("sha256:")
        assert int(answer.headers["content-length"]) > 0
    if path.endswith("n=0"):
        assert (answer.json()["tags"], "link" in answer.headers) == ([], False)


def test_the_small_registry_limits_as_the_specification_says(registry: SmallRegistry) -> None:
    registry.limited = 1
    answer = httpx2.get(f"{registry.url}/v2/")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (429, "TOOMANYREQUESTS")
    assert "retry-after" in answer.headers


def test_what_is_not_there_is_said_to_be_so(registry: SmallRegistry) -> None:
    push_tags(registry, 1)
    for ask in (lambda: client_of(registry).head(f"{NAME}:2"), lambda: client_of(registry).tags("ghcr.io/acme/none")):
        with pytest.raises(NotFound):
            ask()
