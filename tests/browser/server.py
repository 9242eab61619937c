"""The real web server on a seeded database: ``python -m tests.browser.server``. Settings come from the environment."""

import asyncio
import json
from datetime import UTC, datetime

from control_plane.services.outside import repository_of
from control_plane.settings import get_settings
from control_plane.store.migrate import upgrade_database
from control_plane.store.session import session_scope
from control_plane.web.accounts.migrate import upgrade_accounts
from control_plane.web.server import serve
from tests.browser.seed import seed

PASSWORD = "tide-and-time-wait-for-no-one"
FACTS = "facts.json"


def prepare() -> None:
    """Make the database and its people, unless that was done before."""
    settings = get_settings()
    facts = settings.data_dir / FACTS
    if facts.exists():
        return
    upgrade_database(settings.database)
    upgrade_accounts()
    from control_plane.web.accounts.models import User
    from control_plane.web.accounts.roles import Role

    for role in Role:
        person = User(name=role.value, role=role.value)
        person.set_password(PASSWORD)
        person.save()
    repository_of(settings).initialise(channels=("edge", "beta", "stable"), now=datetime.now(UTC))
    with session_scope() as session:
        facts.write_text(json.dumps(seed(session, settings.evidence_dir)), encoding="utf-8")


def main() -> None:
    """Serve until SIGTERM."""
    prepare()
    from control_plane.web.asgi import application

    settings = get_settings()
    asyncio.run(serve(application, [settings.host], settings.port))


if __name__ == "__main__":
    main()
