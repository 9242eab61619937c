"""One application: its track, releases, upstreams and declared settings; removing it."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from control_plane.services import applications
from control_plane.services.declarations import file_of
from control_plane.store.queries.overview import overview
from control_plane.store.queries.pages import application_page
from control_plane.store.reads.releases import upstream_row
from control_plane.store.session import read_scope, session_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.board import board
from control_plane.web.dashboard.confirm import confirmed
from control_plane.web.dashboard.show import show as show_page


@needs(Role.VIEWER)
def show(request: Request, name: str) -> HttpResponse:
    """The application ``name``."""
    now = timezone.now()
    with read_scope() as session:
        application, releases = application_page(session, name)
        context = {
            "application": application,
            "upstreams": [upstream_row(one) for one in application.upstreams],
            "releases": releases,
            "board": board(overview(session, application_id=application.id)),
            "declared": file_of(application),
        }
        return show_page(request, session, "application.html", context, now=now)


@needs(Role.MAINTAINER, methods=("POST",))
def remove(request: Request, name: str) -> HttpResponse:
    """Stop tracking the application. The person types its name."""
    confirmed(request, name)
    with session_scope() as session:
        applications.application_remove(
            session,
            application=name,
            reason=request.POST.get("reason", ""),
            actor=request.user.actor,
            now=timezone.now(),
        )
    messages.success(
        request,
        f"{name} is not tracked any more. It left its channels; clusters keep what runs, unless their own rule says uninstall.",
    )
    return HttpResponseRedirect(reverse("application", args=(name,)))
