"""Two releases of an application side by side: what exactly would change."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone

from control_plane.domain.errors import NotFound
from control_plane.services.comparing import Comparison, release_compare
from control_plane.store.queries.comparing import versions_of
from control_plane.store.session import read_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.show import show as show_page

OPEN_LINES = 400  # while all that changed is no longer than that it is shown unfolded


@needs(Role.VIEWER)
def show(request: Request, application: str) -> HttpResponse:
    """Compare ``before`` with ``after``; without them the newest release, and the one made before."""
    now, query = timezone.now(), request.GET
    with read_scope() as session:
        versions = versions_of(session, application)
        if not versions:
            raise NotFound(f"{application} has no release yet: there is nothing to compare", code="no_release")
        after = query.get("after") or versions[0]
        before = query.get("before") or _made_before(after, versions)
        found = release_compare(session, application=application, before=before, after=after)
        context: dict[str, Any] = {"found": found, "versions": versions, **_objects(found)}
        return show_page(request, session, "compare.html", context, now=now)


def _made_before(version: str, versions: list[str]) -> str:
    """Return the release made before one; of the first one, any other; of the only one, itself."""
    older = versions[versions.index(version) + 1 :] if version in versions else versions
    return next((one for one in [*older, *versions] if one != version), version)


def _objects(found: Comparison) -> dict[str, Any]:
    """Part the objects that differ from those that carry another version alone."""
    real = [one for one in found.objects if not one.marks_only]
    return {
        "objects": real,
        "marks": [one for one in found.objects if one.marks_only],
        "is_open": sum(len(one.lines) for one in real) <= OPEN_LINES,
    }
