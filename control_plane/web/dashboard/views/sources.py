"""Sources: every place that is looked at, and how it is."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from control_plane.services.first_seen import checks_known
from control_plane.services.hosts import hosts_known
from control_plane.services.outside import limits_of
from control_plane.services.sources import sources_look
from control_plane.settings import get_settings
from control_plane.store.reads import sources
from control_plane.store.session import read_scope, session_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.show import show as show_page


@needs(Role.VIEWER)
def show(request: Request) -> HttpResponse:
    """Every place: those that do not answer first, those that nobody polls last."""
    now = timezone.now()
    with read_scope() as session:
        rows = sorted(sources.sources(session), key=lambda row: (row.unknown_since is None, row.next_look_at is None))
        hosts = hosts_known(session, limits_of=limits_of(get_settings()), now=now)
        checked, checking = checks_known(session)
        context: dict[str, Any] = {"hosts": hosts, "checked": checked, "checking": checking}
        context |= {"rows": rows, "unknown": sum(row.unknown_since is not None for row in rows)}
        return show_page(request, session, "sources.html", context, now=now)


@needs(Role.MAINTAINER, methods=("POST",))
def look(request: Request) -> HttpResponse:
    """Look at a place now, not when its turn comes."""
    place = request.POST.get("place", "").strip()
    with session_scope() as session:
        sources_look(session, place=place, actor=request.user.actor, now=timezone.now())
    messages.success(request, f"{place} is looked at as soon as a worker is free.")
    return HttpResponseRedirect(reverse("sources"))
