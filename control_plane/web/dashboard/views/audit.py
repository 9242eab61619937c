"""Who did what, when, why."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils import timezone

from control_plane.store.queries.audit import EVENTS_SHOWN, AuditFilter, audit_actions, audit_events
from control_plane.store.session import read_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.show import show as show_page

FIELDS = ("actor", "action", "subject_type", "subject_id", "text")


@needs(Role.VIEWER)
def show(request: Request) -> HttpResponse:
    """The audit log, filtered by the query."""
    now = timezone.now()
    wanted = {field: request.GET.get(field, "").strip() for field in FIELDS}
    before = request.GET.get("before", "")
    with read_scope() as session:
        events = audit_events(session, AuditFilter(**wanted, before=int(before) if before.isdecimal() else None))
        shown = events[:EVENTS_SHOWN]
        older = {**{key: value for key, value in wanted.items() if value}, "before": str(shown[-1].id)} if shown else {}
        context = {
            "events": shown,
            "wanted": wanted,
            "actions": audit_actions(session),
            "is_filtered": any(wanted.values()),
            "older": urlencode(older) if len(events) > EVENTS_SHOWN else "",
        }
        return show_page(request, session, "audit.html", context, now=now)
