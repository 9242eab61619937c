"""Many applications at once, each with a repository of its own and a policy that takes nothing: what is looked at is what is tested."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Engine

from control_plane.domain.sources import SourceSpec
from control_plane.services import sources
from control_plane.store.models import Application, Upstream
from control_plane.store.session import session_scope


def declare_places(engine: Engine, locations: Iterable[str], *, poll_seconds: float = 60.0) -> list[int]:
    """Declare an application for each repository, due now; return their sources' ids."""
    now, ids = datetime.now(UTC), []
    with session_scope(engine) as session:
        for number, location in enumerate(locations):
            spec = SourceSpec(kind="oci", location=location)
            source = sources.source_ensure(session, spec=spec, account="", is_polled=True, now=now)
            name = f"app-{number}"
            declaration = {"name": name, "namespace": "apps", "chart": {"oci": location}, "channels": []}
            application = Application(
                name=name, declaration=declaration, declared_at=now, declared_by="test", poll_seconds=poll_seconds
            )
            wish = Upstream(source_id=source.id, role="chart", alias="chart", policy={"rule": ">=100"})
            application.upstreams.append(wish)
            session.add(application)
            ids.append(source.id)
    return ids
