"""One rollout: how far a generation has come, and why it stopped; halt and resume."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from control_plane.services import rollouts
from control_plane.settings import get_settings
from control_plane.store.queries.pages import rollout_page
from control_plane.store.session import read_scope, session_scope
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
        context = {
            "rollout": rollout,
            "publication": publication,
            "progress": progress(
                clusters, generation=rollout.generation, now=now, silent_after=get_settings().silent_after_seconds
            ),
        }
        return show_page(request, session, "rollout.html", context, now=now)


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
