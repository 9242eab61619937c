"""A burst of webhooks makes at most one look per source and second, while a worker looks as fast as it is told to."""

import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from control_plane.domain.errors import Transient
from control_plane.domain.sources import Listing
from control_plane.domain.versions.policy import Tag
from control_plane.services import looks
from control_plane.settings import get_settings
from control_plane.store.models import Source
from control_plane.store.nudges import Nudge, set_sender
from control_plane.store.session import read_scope, session_scope
from tests.support.hooks import HOOKS

SECRET = "open sesame"
BURST = 1_000


class Registry:
    """Answers at once that nothing changed; remembers which location was looked at and when."""

    def __init__(self) -> None:
        self.looks: list[tuple[float, str]] = []

    def listing(self, spec: Any, account: str, memo: Any) -> Listing | None:
        self.looks.append((time.monotonic(), spec.location))
        return None

    def detail(self, spec: Any, account: str, tag: str, *, platforms: bool) -> Tag:
        raise Transient("nobody needs it here")

    def look(self, source_id: int) -> None:
        """Look, if the source is due: as a worker does for a nudge, and for the sweeper."""
        looks.source_look(source_id=source_id, reader=self, clock=timezone.now, jitter=0.0, seen_by="webhook")


@pytest.fixture
def registry(ids) -> Iterator[Registry]:
    """A worker's registry: every look that a webhook asks for is done before the webhook is answered."""
    found = Registry()

    def send(nudge: Nudge) -> None:
        if nudge.work == "source_look":
            found.look(nudge.row_id)

    set_sender(send)
    yield found
    set_sender(None)


@pytest.fixture
def post(client_of, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Any]:
    """Return a function that sends a generic webhook."""
    (tmp_path / "secret").write_text(SECRET)
    told = get_settings().model_copy(update={"webhook_secret_file": tmp_path / "secret"})
    monkeypatch.setattr("control_plane.web.api.webhooks.get_settings", lambda: told)
    client = client_of("")

    def send(body: bytes) -> Any:
        signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Tidegate-Signature": signature}
        return client.post(f"{HOOKS}/generic", body, content_type="application/json", headers=headers)

    return send


def two_polled() -> dict[str, int]:
    """Two healthy sources that are looked at by the clock, not due now: location and id."""
    with session_scope() as session:
        healthy = session.query(Source).filter(Source.next_look_at.is_not(None), Source.unknown_since.is_(None))
        rows = healthy.filter(Source.kind == "oci", Source.upstreams.any()).order_by(Source.id).limit(2).all()
        for row in rows:
            hour, now = timedelta(hours=1), timezone.now()
            row.next_look_at, row.last_look_at, row.lease_until = now + hour, now - hour, None
        return {row.location: row.id for row in rows}


def test_a_thousand_webhooks_make_one_look_per_source_and_second(registry, post):
    named = two_polled()
    body = json.dumps({"repositories": list(named)}).encode()
    began, answers = time.monotonic(), Counter[tuple[int, int]]()
    for number in range(BURST):
        answer = post(body)
        answers[answer.status_code, answer.json()["upstreams"]] += 1
        if number % 10 == 0:
            for source_id in named.values():  # the sweeper comes by
                registry.look(source_id)
    seconds = time.monotonic() - began
    assert answers == {(202, len(named)): BURST}
    assert {location for _, location in registry.looks} == named.keys(), "those that were named, and no other"
    for location in named:
        times = [at for at, where in registry.looks if where == location]
        assert 1 <= len(times) <= seconds + 1
        assert all(later - earlier >= 0.95 for earlier, later in pairwise(times))


def test_the_last_of_a_burst_is_not_forgotten(registry, post):
    location, source_id = next(iter(two_polled().items()))
    for _ in range(3):
        post(json.dumps({"repository": location}).encode())
    assert len(registry.looks) == 1
    with read_scope() as session:
        row = session.get(Source, source_id)
        assert row.last_look_at < row.next_look_at <= timezone.now() + timedelta(seconds=1), "due once more, soon"
