"""One application: its track, releases, upstreams and declared settings."""

from django.http import HttpResponse
from django.utils import timezone

from control_plane.store.queries.overview import overview
from control_plane.store.queries.pages import application_page
from control_plane.store.session import read_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.board import board
from control_plane.web.dashboard.declared import declared_yaml
from control_plane.web.dashboard.show import show as show_page


@needs(Role.VIEWER)
def show(request: Request, name: str) -> HttpResponse:
    """The application ``name``."""
    now = timezone.now()
    with read_scope() as session:
        application, releases = application_page(session, name)
        context = {
            "application": application,
            "releases": releases,
            "board": board(overview(session, application_id=application.id)),
            "declared": declared_yaml(application.declaration),
        }
        return show_page(request, session, "application.html", context, now=now)
