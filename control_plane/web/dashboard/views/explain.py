"""Why this version: every tag seen with its one reason; what people keep out; and policies to try on a list of tags."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from control_plane.domain.errors import InvalidInput, NotFound
from control_plane.domain.versions.words import policy_words
from control_plane.services import quarantines
from control_plane.services.explaining import Explanation, application_explain, policy_try
from control_plane.store.queries.pages import application_upstreams
from control_plane.store.reads import sources
from control_plane.store.session import read_scope, session_scope
from control_plane.upstreams.policy_text import parse_policy
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.show import show as show_page
from control_plane.web.dashboard.tag_tables import SHOWN, TagTable, tag_table


@needs(Role.VIEWER)
def show(request: Request, name: str) -> HttpResponse:
    """Every tag of one upstream, or a line for each where there are several; filtered by ``q``, ``shown`` rows."""
    now, text = timezone.now(), request.GET.get("q", "").strip()[:200]
    shown = request.GET.get("shown", "")
    with read_scope() as session:
        application = application_upstreams(session, name)
        found = application_explain(session, application=name, now=now)
        one = _wanted(found, request.GET.get("upstream", ""))
        table = (
            tag_table(one.tags, text, int(shown) if shown.isdecimal() and len(shown) < 6 else SHOWN) if one else None
        )
        context = {
            "application": application,
            "upstreams": found,
            "one": one,
            "table": table,
            "filter": text,
            "more": _more(one, text, table),
            "quarantines": sources.quarantines(session, application=name),
            "now": now,
        }
        return show_page(request, session, "explain.html", context, now=now)


def _wanted(found: list[Explanation], alias: str) -> Explanation | None:
    """The upstream that was asked for; else the first, which is the chart."""
    return next((one for one in found if one.alias == alias), found[0] if found else None)


def _more(one: Explanation | None, text: str, table: TagTable | None) -> str:
    if one is None or table is None or not table.hidden:
        return ""
    return urlencode({"upstream": one.alias, "q": text, "shown": table.next_shown})


@needs(Role.MAINTAINER, methods=("POST",))
def quarantine(request: Request, name: str) -> HttpResponse:
    """Keep tags out."""
    pattern = request.POST.get("pattern", "").strip()
    with session_scope() as session:
        quarantines.quarantine_add(
            session,
            application=name,
            pattern=pattern,
            reason=request.POST.get("reason", ""),
            until=_end_of_day(request.POST.get("until", "")),
            actor=request.user.actor,
            now=timezone.now(),
        )
    messages.success(request, f"{pattern} is kept out of {name}. What is published stays as it is.")
    return _back(request, name)


@needs(Role.MAINTAINER, methods=("POST",))
def lift(request: Request, name: str, quarantine_id: int) -> HttpResponse:
    """Let tags in again."""
    with session_scope() as session:
        if quarantine_id not in {one.id for one in sources.quarantines(session, application=name)}:
            raise NotFound(f"{name} has no quarantine {quarantine_id}", code="no_quarantine")
        reason = request.POST.get("reason", "")
        row = quarantines.quarantine_lift(
            session, quarantine_id=quarantine_id, reason=reason, actor=request.user.actor, now=timezone.now()
        )
        pattern = row.pattern
    messages.success(request, f"{pattern} may be chosen again: {name} weighs its tags now.")
    return _back(request, name)


def _back(request: Request, name: str) -> HttpResponseRedirect:
    """Return to the page that the form stood on."""
    if request.POST.get("next") == "application":
        return HttpResponseRedirect(reverse("application", args=(name,)))
    return HttpResponseRedirect(f"{reverse('explain', args=(name,))}#quarantines")


def _end_of_day(text: str) -> datetime | None:
    """Return the end of a day (UTC); None for no day."""
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC) if text else None
    except (ValueError, OverflowError):
        raise InvalidInput(f"{text!r} is no day: write it like 2026-12-24") from None


@needs(Role.VIEWER, methods=("GET", "HEAD", "POST"))
def try_policy(request: Request) -> HttpResponse:
    """What would a policy choose of a pasted list? With an application the form of that one answers, on the tags seen."""
    if name := request.GET.get("application", ""):
        at = reverse("application-edit", args=(name,))
        return HttpResponseRedirect(f"{at}#policy-{quote(request.GET.get('upstream', 'chart'))}")
    now = timezone.now()
    context = {"given": request.POST, **_tried(request.POST, now)}
    with read_scope() as session:
        response = show_page(request, session, "try.html", context, now=now)
    if context.get("mistakes") and "HX-Request" not in request.headers:
        response.status_code = 422
    return response


def _tried(given: Any, now: datetime) -> dict[str, Any]:
    policy, tags = given.get("policy", ""), given.get("tags", "").split()
    if not policy.strip() or not tags:
        return {}
    try:
        wanted = parse_policy(policy)
        rows = policy_try(wanted, tags, now, current=given.get("current", "").strip())
    except InvalidInput as error:
        return {"problem": error.message, "mistakes": error.mistakes or (error.message,)}
    best = next((row for row in rows if row.chosen), None)
    return {"words": policy_words(wanted), "table": tag_table(rows, "", SHOWN), "best": best}
