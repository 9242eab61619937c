"""One release: what it consists of, how its rehearsals went, where it is. And the evidence files of a run."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from control_plane.domain.promotions import OPEN_STATES, PromotionState
from control_plane.domain.releases import RELEASE, ReleaseState
from control_plane.services import releases
from control_plane.services.declarations import declaration_of
from control_plane.services.promotions import promotion_offer
from control_plane.settings import get_settings
from control_plane.store.models import Release
from control_plane.store.queries.pages import release_notes, release_page, run_page
from control_plane.store.session import read_scope, session_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard import evidence as files
from control_plane.web.dashboard.confirm import confirmed
from control_plane.web.dashboard.show import show as show_page


@needs(Role.VIEWER)
def show(request: Request, application: str, version: str) -> HttpResponse:
    """The release ``version`` of ``application``."""
    now = timezone.now()
    with read_scope() as session:
        release, edges = release_page(session, application, version)
        context = {
            "release": release,
            "runs": [files.run_view(run) for run in reversed(release.runs)],
            "edges": edges,
            "notes": {alias: _shown(one) for alias, one in release_notes(session, release).items()},
            "may_reject": RELEASE.allows(ReleaseState(release.state), ReleaseState.REJECTED),
            "may_withdraw": RELEASE.allows(ReleaseState(release.state), ReleaseState.WITHDRAWN),
            "offers": _not_in(release) if release.state == ReleaseState.VERIFIED else [],
            "may_requeue": RELEASE.allows(ReleaseState(release.state), ReleaseState.QUEUED)
            and release.state != ReleaseState.DISCOVERED,
        }
        return show_page(request, session, "release.html", context, now=now)


def _shown(notes: dict[str, Any]) -> dict[str, Any]:
    """Notes are a publisher's: only a web address of theirs becomes a link."""
    url, at = notes.get("url", ""), notes.get("published_at")
    is_link = url.startswith(("https://", "http://"))
    return {**notes, "url": url if is_link else "", "published_at": datetime.fromisoformat(at) if at else None}


@needs(Role.MAINTAINER, methods=("POST",))
def reject(request: Request, application: str, version: str) -> HttpResponse:
    """Say no to the release."""
    return _take_out(request, application, version, releases.release_reject, "rejected: it enters no channel.")


@needs(Role.MAINTAINER, methods=("POST",))
def withdraw(request: Request, application: str, version: str) -> HttpResponse:
    """Take the release back."""
    words = "withdrawn: it enters no further channel. Those that have it keep it until a recall."
    return _take_out(request, application, version, releases.release_withdraw, words)


def _take_out(
    request: Request, application: str, version: str, move: Callable[..., Any], words: str
) -> HttpResponseRedirect:
    confirmed(request, version)
    with session_scope() as session:
        release_id = releases.release_id_of(session, application=application, version=version)
        reason = request.POST.get("reason", "")
        move(session, release_id=release_id, reason=reason, actor=request.user.actor, now=timezone.now())
    messages.success(request, f"{application} {version} is {words}")
    return HttpResponseRedirect(reverse("release", args=(application, version)))


@needs(Role.MAINTAINER, methods=("POST",))
def requeue(request: Request, application: str, version: str) -> HttpResponse:
    """Rehearse the release again."""
    with session_scope() as session:
        release_id = releases.release_id_of(session, application=application, version=version)
        releases.release_requeue(
            session,
            release_id=release_id,
            reason=request.POST.get("reason", ""),
            actor=request.user.actor,
            now=timezone.now(),
        )
    messages.success(request, f"{application} {version} waits for a cluster and will be rehearsed again.")
    return HttpResponseRedirect(reverse("release", args=(application, version)))


@needs(Role.MAINTAINER, methods=("POST",))
def propose(request: Request, application: str, version: str) -> HttpResponse:
    """Propose the release for a channel that has it not, also where it was turned away before."""
    with session_scope() as session:
        release_id = releases.release_id_of(session, application=application, version=version)
        promotion = promotion_offer(
            session,
            release_id=release_id,
            channel=request.POST.get("channel", ""),
            reason=request.POST.get("reason", ""),
            actor=request.user.actor,
            now=timezone.now(),
        )
        there = reverse("promotion", args=(promotion.id,))
    messages.success(request, f"{application} {version} is proposed for {request.POST['channel']}.")
    return HttpResponseRedirect(there)


def _not_in(release: Release) -> list[str]:
    """Return the channels of the application's file that have the release not and are not offered it."""
    live = (*OPEN_STATES, PromotionState.PUBLISHED)
    has = {one.channel.name for one in release.promotions if one.state in live}
    return [rule.name for rule in declaration_of(release.application).channels if rule.name not in has]


@needs(Role.VIEWER)
def evidence(request: Request, run_id: int, file: str) -> Any:
    """One evidence file of a run: as a page, or with ``?raw`` as it is."""
    now = timezone.now()
    with read_scope() as session:
        run = run_page(session, run_id)
        found = files.find(get_settings().evidence_dir, run, file)
        if "raw" in request.GET:
            return _raw(found)
        context = {"run": run, "file": found.entry, "text": files.text_of(found), "shown": files.SHOWN_BYTES}
        return show_page(request, session, "evidence.html", context, now=now)


def _raw(found: files.Found) -> HttpResponse:
    """The file as it came from the cluster: never interpreted by the browser."""
    response = HttpResponse(found.path.read_bytes(), content_type="application/octet-stream")
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(found.path.name)}"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
