"""The agent's own code against the real API: joining, its bad cases, moving to another channel, and what a poll costs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from sqlalchemy import event

from cluster_agent.contract import Facts, Manifest, Report, Rollout, Wave, decode_join_token, sha256_hex
from cluster_agent.errors import Untrusted
from cluster_agent.identity import Identity, NotEnrolled, load_or_enrol
from cluster_agent.reporting import Reporter
from cluster_agent.trust import News, TrustedChannel
from cluster_agent.trust.channel import Unchanged
from control_plane.publishing.repository import Repository
from control_plane.services import clusters
from control_plane.services.outside import repository_of
from control_plane.settings import get_settings
from control_plane.store import lookups
from control_plane.store.models import Channel
from control_plane.store.reads import fleet
from control_plane.store.session import get_engine, read_scope, session_scope

URL = "http://127.0.0.1"


class Stored:
    """What a cluster's Secret keeps."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def load(self) -> dict[str, bytes]:
        return dict(self.files)

    def save(self, files: Any) -> None:
        self.files = dict(files)


@pytest.fixture(scope="module")
def repository(ids: Any) -> Repository:
    found = repository_of(get_settings())
    found.initialise(channels=["edge", "stable"], now=datetime.now(UTC))
    return found


@pytest.fixture
def requests() -> list[tuple[str, int, str]]:
    """Every request as path, status and If-None-Match."""
    return []


@pytest.fixture
def http(client_of: Any, requests: list[tuple[str, int, str]]) -> Iterator[httpx2.Client]:
    """The agent's HTTP client, whose network is Django."""
    django = client_of("")

    def answer(request: httpx2.Request) -> httpx2.Response:
        given = {name: value for name, value in request.headers.items() if name.lower() not in {"host", "content-type"}}
        kind = request.headers.get("Content-Type", "application/octet-stream")
        got = django.generic(request.method, request.url.path, request.read(), content_type=kind, headers=given)
        requests.append((request.url.path, got.status_code, request.headers.get("If-None-Match", "")))
        return httpx2.Response(got.status_code, headers=dict(got.headers), stream=httpx2.ByteStream(got.content))

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as made:
        yield made


def invite(repository: Repository, name: str, *, channel: str = "stable", now: datetime | None = None) -> str:
    given = {"root_sha256": sha256_hex(repository.first_root()), "now": now or datetime.now(UTC)}
    with session_scope() as session:
        return clusters.cluster_add(session, name=name, channel=channel, actor="person:anna", **given)


def enrol(http: httpx2.Client, token: str, stored: Stored | None = None) -> Identity:
    return load_or_enrol(stored or Stored(), http, URL, token, "uid")  # type: ignore[arg-type]


def refusal(http: httpx2.Client, token: str) -> str:
    with pytest.raises(NotEnrolled) as caught:
        enrol(http, token)
    assert decode_join_token(token).secret not in caught.value.message
    return caught.value.message


def test_a_token_is_used_by_one_agent_and_again_by_the_same_one(http, repository):
    token, stored = invite(repository, "join-once"), Stored()
    first = enrol(http, token, stored)
    assert first.enrolment.channel == "stable"
    stored.files.pop("enrolment.json")  # killed before it could keep the answer
    assert enrol(http, token, stored).enrolment == first.enrolment
    assert "was used already: `tidegate cluster token join-once` makes a new one" in refusal(http, token)


def test_an_expired_token_says_when_and_what_to_do(http, repository):
    token = invite(repository, "join-late", now=datetime.now(UTC) - timedelta(hours=2))
    words = refusal(http, token)
    assert "expired at" in words
    assert "`tidegate cluster token join-late` makes a new one" in words


def test_a_token_for_another_cluster_or_another_control_plane_says_so(http, repository):
    token = decode_join_token(invite(repository, "join-here"))
    assert "for another cluster than 'elsewhere'" in refusal(
        http, msgspec.structs.replace(token, cluster="elsewhere").encode()
    )
    assert "not known here: was it made by another control plane?" in refusal(
        http, msgspec.structs.replace(token, id="0" * 16).encode()
    )
    assert "not known here" in refusal(http, msgspec.structs.replace(token, secret="guess").encode())


@pytest.mark.parametrize(("token", "words"), [("tgj_!", "damaged"), ("hello", "starts with 'tgj_'"), ("", "no join")])
def test_what_is_no_token_is_told_before_anybody_is_asked(http, requests, token, words):
    with pytest.raises(NotEnrolled, match=words):
        enrol(http, token)
    assert requests == []


def test_a_new_token_moves_a_cluster_to_another_channel_and_nothing_else_does(http, repository):
    stored = Stored()
    enrol(http, invite(repository, "mover"), stored)
    with session_scope() as session:
        given = {"root_sha256": sha256_hex(repository.first_root()), "actor": "person:anna", "now": datetime.now(UTC)}
        token = clusters.cluster_token_renew(session, name="mover", channel="edge", **given)
    with read_scope() as session:
        assert lookups.cluster_named(session, "mover").channel.name == "stable"
    assert enrol(http, token, stored).enrolment.channel == "edge"
    with read_scope() as session:
        assert fleet.cluster(session, name="mover").channel == "edge"
        events = [one for one in fleet.audit(session, subject="mover") if one.action == "cluster.moved"]
    assert [(one.from_state, one.to_state) for one in events] == [("stable", "edge")]


def test_a_control_plane_that_answers_with_another_channel_is_not_believed(http, repository):
    token = decode_join_token(invite(repository, "misled"))
    with pytest.raises(Untrusted, match="for the channel edge, and the control plane says stable"):
        enrol(http, msgspec.structs.replace(token, channel="edge").encode())


def test_what_became_of_an_application_that_left_is_shown_with_the_agent(http, repository):
    with session_scope() as session:
        lookups.add(session, Channel(name="quiet", created_at=datetime.now(UTC)))
    me = enrol(http, invite(repository, "leaver", channel="quiet"))
    facts = Facts(kubernetes="1.36", agent_version="0.0.1", capabilities=("kept-charts",))
    given = {"at": datetime.now(UTC), "channel": "quiet", "generation": 1, "application": "notes", "release": "1.0.0"}
    reports = (
        Report(sequence=1, outcome="left", running="1.0.0", code="left", message="left the channel", **given),
        Report(sequence=2, outcome="uninstalled", code="uninstalled", message="its claims stay", **given),
    )
    reporter = Reporter(http, URL, me, lambda: facts)
    for report in reports:
        assert reporter.send((report,)) == report.sequence
        with read_scope() as session:
            row = fleet.cluster(session, name="leaver")
        (one,) = row.installations
        assert (one.outcome, one.running, one.message) == (report.outcome, report.running, report.message)
    assert (row.agent.version, row.agent.update) == ("0.0.1", "available")


def test_a_poll_with_nothing_new_is_one_conditional_request_and_no_statement(http, repository, requests):
    now = datetime.now(UTC)
    wave = Wave(name="all", percent=100, opens_at=now)
    repository.publish_channel(
        Manifest(channel="edge", generation=1, created=now),
        Rollout(channel="edge", generation=1, expires=now + timedelta(days=7), waves=(wave,)),
        now=now,
    )
    trusted = TrustedChannel(root=repository.first_root(), store=Stored(), base_url=f"{URL}/tuf", client=http)  # type: ignore[arg-type]
    assert isinstance(trusted.poll("edge", now), News)
    requests.clear()
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(get_engine(), "before_cursor_execute", note)
    try:
        with CaptureQueriesContext(connection) as accounts:
            assert trusted.poll("edge", now + timedelta(seconds=30)) == Unchanged(1)
    finally:
        event.remove(get_engine(), "before_cursor_execute", note)
    ((path, status, condition),) = requests
    assert (path, status) == ("/tuf/metadata/timestamp.json", 304)
    assert condition
    assert (seen, list(accounts)) == ([], [])
