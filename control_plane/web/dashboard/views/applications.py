"""One application: its track, releases, upstreams and declared settings; removing it."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from control_plane.services import applications, choosing
from control_plane.services.declarations import file_of
from control_plane.services.reading import shared_reader
from control_plane.store import lookups
from control_plane.store.models import Quarantine
from control_plane.store.queries.overview import overview
from control_plane.store.queries.pages import application_page
from control_plane.store.reads.releases import upstream_row
from control_plane.store.session import read_scope, session_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.board import board
from control_plane.web.dashboard.confirm import confirmed
from control_plane.web.dashboard.show import show as show_page

EVERYTHING = "glob:*"  # the pattern that keeps every version out


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
            "held": _held(lookups.quarantines_of(session, application.id), now),
            "board": board(overview(session, application_id=application.id)),
            "declared": file_of(application),
        }
        return show_page(request, session, "application.html", context, now=now)


def _held(quarantines: Sequence[Quarantine], now: datetime) -> Quarantine | None:
    """Return the quarantine that keeps every version out now."""
    return next((one for one in quarantines if one.pattern == EVERYTHING and (not one.until or one.until > now)), None)


@needs(Role.MAINTAINER, methods=("POST",))
def add_release(request: Request, name: str) -> HttpResponse:
    """Make a release of the very tags that a person names; what is not named is chosen as always."""
    post = request.POST
    tags = {key.removeprefix("tag."): post.get(key, "").strip() for key in post if key.startswith("tag.")}
    version = choosing.release_add(
        application=name,
        tags={alias: tag for alias, tag in tags.items() if tag},
        actor=request.user.actor,
        reader=shared_reader(),
        clock=timezone.now,
    )
    messages.success(request, f"{name} {version} is made: it is rehearsed like any other release.")
    return HttpResponseRedirect(reverse("release", args=(name, version)))


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
