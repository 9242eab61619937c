"""A real database (SQLite), both its halves migrated, filled as after some busy weeks; and signed-in clients of every role."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from control_plane.services.reading import shared_accounts, shared_reader, stored_accounts
from control_plane.settings import get_settings
from control_plane.store.session import get_engine, session_scope

PASSWORD = "tide-and-time-wait-for-no-one"


@pytest.fixture(scope="package")
def ids(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The seeded database of this package's tests; yields the ids of what the tests look for."""
    folder: Path = tmp_path_factory.mktemp("web")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIDEGATE_DATA_DIR", str(folder))
        _forget()
        from control_plane.store.migrate import upgrade_database
        from control_plane.web.accounts.migrate import upgrade_accounts

        upgrade_database(get_settings().database)
        upgrade_accounts()
        from django.test.utils import override_settings

        from tests.browser.seed import seed

        with session_scope() as session:
            found = seed(session, get_settings().evidence_dir)
        # a password takes a fifth of a second by design; hundreds of tests need not wait for that
        with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
            yield found
    _forget()


def _forget() -> None:
    for one in (get_settings, get_engine, stored_accounts, shared_accounts, shared_reader):
        one.cache_clear()


@pytest.fixture(scope="package")
def people(ids: dict[str, int]) -> dict[str, Any]:
    """One person of each role, by role."""
    from control_plane.web.accounts.models import User
    from control_plane.web.accounts.roles import Role

    found = {}
    for role in Role:
        found[role.value] = User(name=f"a-{role.value}", role=role.value)
        found[role.value].set_unusable_password()
        found[role.value].save()
    return found


@pytest.fixture
def client_of(people: dict[str, Any]) -> Callable[[str], Any]:
    """Return a function that makes a client signed in as a role; ``""`` is nobody."""
    from django.test import Client

    def make(role: str, **kwargs: Any) -> Any:
        client = Client(SERVER_NAME="127.0.0.1", **kwargs)
        if role:
            client.force_login(people[role])
        return client

    return make


@pytest.fixture
def declared(ids: dict[str, int]) -> str:
    """Declare an application of one test's own, with some tags and a release; return its name."""
    from control_plane.store.models import Application
    from tests.browser.seed import Seed, ago

    with session_scope() as session:
        name = f"own-{session.query(Application).count()}"
        seed = Seed(session, get_settings().evidence_dir)
        app = seed.application(name, "of a test")
        seed.tags(app, ["1.0.0", "1.2.0", "2.0.0"], ago(days=60))
        seed.release(app, "1.0.0", "verified", timedelta(days=3))
    return name
