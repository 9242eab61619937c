"""Accounts: who we are for places that are not public, where each comes from, and how it fares. Never a secret."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone

from control_plane.services.account_views import accounts_seen
from control_plane.services.reading import shared_accounts
from control_plane.store.reads.accounts import host_key_rows
from control_plane.store.session import read_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.show import show as show_page


@needs(Role.VIEWER)
def show(request: Request) -> HttpResponse:
    """Every account: those that are refused first; then the SSH servers that are believed."""
    now = timezone.now()
    with read_scope() as session:
        seen = accounts_seen(session, shared_accounts())
        rows = sorted(seen.accounts, key=lambda row: not row.is_refused)
        context: dict[str, Any] = {"rows": rows, "trouble": seen.trouble, "hosts": host_key_rows(session)}
        context["refused"] = sum(row.is_refused for row in rows)
        return show_page(request, session, "accounts.html", context, now=now)
