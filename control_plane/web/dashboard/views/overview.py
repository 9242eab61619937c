"""What is on its way: applications × stages."""

from django.http import HttpResponse
from django.utils import timezone

from control_plane.store.queries.overview import overview
from control_plane.store.session import read_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.board import board
from control_plane.web.dashboard.show import show as show_page


@needs(Role.VIEWER)
def show(request: Request) -> HttpResponse:
    """The overview."""
    now = timezone.now()
    with read_scope() as session:
        return show_page(request, session, "overview.html", {"board": board(overview(session))}, now=now)
