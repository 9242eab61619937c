"""Every page is shown the same way: one read session, the strip "needs you", then the template."""

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from control_plane.settings import get_settings
from control_plane.store.queries.needs_you import needs_you
from control_plane.store.session import Session
from control_plane.web.dashboard import repository, strip


def show(
    request: HttpRequest, session: Session, template: str, context: dict[str, Any], *, now: datetime
) -> HttpResponse:
    """Return the page; ``session`` reads what waits for a person."""
    settings = get_settings()
    needs = needs_you(session, now=now, silent_after=timedelta(seconds=settings.silent_after_seconds))
    items = strip.items(needs, warnings=repository.warnings(now))
    response: HttpResponse = render(request, template, {**context, "strip": items, "now": now})
    return response
