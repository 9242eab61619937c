"""How many statements a page makes, of both halves of the database: few, and as many with a large fleet as with a small one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from sqlalchemy import event

from control_plane.settings import get_settings
from control_plane.store.session import get_engine, session_scope
from tests.browser.seed import grow

SIGNED_IN = 2  # the session and the person
MOST = {
    "/": 8,
    "/applications/miniflux": 13,
    "/applications/miniflux/edit": 9,
    "/applications/miniflux/compare": 9,
    "/applications/miniflux/explain": 12,
    "/applications/miniflux/releases/2.2.16": 8,
    "/policies/try": 1,
    "/sources": 6,
    "/accounts": 4,
    "/promotions/{promotion}": 14,
    "/channels": 10,
    "/channels/stable": 14,
    "/rollouts/{rollout}": 6,
    "/fleet": 5,
    "/fleet?label=region%3Deu&state=healthy": 5,
    "/clusters": 5,
    "/clusters?label=region%3Deu&state=healthy&contact=recent": 6,
    "/clusters/harbour-03": 6,
    "/audit": 3,
    "/search?q=app": 5,
    "/settings": 3,
}


@pytest.fixture
def count(client_of) -> Callable[[str], int]:
    """Return how many statements a page makes, without those of signing in."""
    client = client_of("admin")

    def ask(path: str) -> int:
        client.get(path)  # what a process reads once is no page's
        with _counted() as seen, CaptureQueriesContext(connection) as accounts:
            assert client.get(path).status_code == 200
        return len(seen) + len(accounts) - SIGNED_IN

    return ask


@contextmanager
def _counted() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
            seen.append(statement)

    event.listen(get_engine(), "before_cursor_execute", note)
    yield seen
    event.remove(get_engine(), "before_cursor_execute", note)


def test_pages_read_in_few_statements_however_large_the_fleet_is(count, ids):
    few = {path: count(path.format(**ids)) for path in MOST}
    assert {path: number for path, number in few.items() if number > MOST[path]} == {}
    with session_scope() as session:
        grow(session, get_settings().evidence_dir, applications=20, clusters=50)
    many = {path: count(path.format(**ids)) for path in MOST}
    assert {path: (few[path], number) for path, number in many.items() if number > few[path]} == {}


def test_every_page_is_counted(ids):
    from django.urls import get_resolver

    from tests.unit.control_plane.web.test_permissions import PAGES

    def names(paths):
        return {get_resolver().resolve(path.format(**ids).partition("?")[0]).url_name for path in paths}

    assert names(PAGES) - names(MOST) <= {"evidence"}
