"""One rollout: how far a generation has come, and why it stopped; halt and resume."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from control_plane.domain.rollouts import RolloutState
from control_plane.domain.timelines import Point, Seen, timeline
from control_plane.services import rollouts
from control_plane.settings import get_settings
from control_plane.store.models import Publication, Rollout
from control_plane.store.queries.fleet import reports_about
from control_plane.store.queries.pages import rollout_page
from control_plane.store.session import Session, read_scope, session_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.fleet import progress
from control_plane.web.dashboard.show import show as show_page


@needs(Role.VIEWER)
def show(request: Request, rollout_id: int) -> HttpResponse:
    """The rollout."""
    now = timezone.now()
    with read_scope() as session:
        rollout, publication, clusters = rollout_page(session, rollout_id)
        shown = progress(
            clusters, generation=rollout.generation, now=now, silent_after=get_settings().silent_after_seconds
        )
        context = {
            "rollout": rollout,
            "publication": publication,
            "progress": shown,
            "points": _points(session, rollout, publication, shown.total, now),
        }
        return show_page(request, session, "rollout.html", context, now=now)


def _points(
    session: Session, rollout: Rollout, publication: Publication | None, clusters: int, now: datetime
) -> tuple[Point, ...]:
    """How it went, until now or until it was over."""
    wanted = frozenset(one["name"] for one in publication.manifest["applications"]) if publication else frozenset()
    is_over = rollout.state in (RolloutState.COMPLETED, RolloutState.ABORTED)
    return timeline(
        (Seen(*row) for row in reports_about(session, channel_id=rollout.channel_id, generation=rollout.generation)),
        clusters=clusters,
        wanted=wanted,
        started_at=rollout.started_at,
        until=rollout.state_since if is_over else now,
    )


@needs(Role.MAINTAINER, methods=("POST",))
def halt(request: Request, rollout_id: int) -> HttpResponse:
    """No further cluster takes this generation."""
    with session_scope() as session:
        rollouts.rollout_halt(
            session,
            rollout_id=rollout_id,
            reason=request.POST.get("reason", ""),
            actor=request.user.actor,
            now=timezone.now(),
        )
    messages.success(request, "Halted: no further cluster takes this generation.")
    return HttpResponseRedirect(reverse("rollout", args=(rollout_id,)))


@needs(Role.MAINTAINER, methods=("POST",))
def resume(request: Request, rollout_id: int) -> HttpResponse:
    """Let the rollout go on."""
    with session_scope() as session:
        rollouts.rollout_resume(
            session,
            rollout_id=rollout_id,
            reason=request.POST.get("reason", ""),
            actor=request.user.actor,
            now=timezone.now(),
        )
    messages.success(request, "The rollout goes on.")
    return HttpResponseRedirect(reverse("rollout", args=(rollout_id,)))
