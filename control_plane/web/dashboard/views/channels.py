"""Channels: generations and what changed in each, signatures and their expiries, recall."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from control_plane.services import publications
from control_plane.store.queries.overview import overview
from control_plane.store.queries.pages import PUBLICATIONS_SHOWN, channel_list, channel_page
from control_plane.store.session import read_scope, session_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard import repository
from control_plane.web.dashboard.changes import generation_changes
from control_plane.web.dashboard.confirm import confirmed
from control_plane.web.dashboard.show import show as show_page


@needs(Role.VIEWER)
def index(request: Request) -> HttpResponse:
    """Every channel, and who signs it."""
    now = timezone.now()
    with read_scope() as session:
        facts = overview(session)
        rows = [
            {
                "channel": channel,
                "clusters": facts.clusters.get(channel.id, 0),
                "rollout": facts.rollouts.get(channel.id),
                "published": [
                    one for one in facts.promotions if one.channel_id == channel.id and one.state == "published"
                ],
            }
            for channel in channel_list(session)
        ]
        context = {
            "rows": rows,
            "names": {application.id: application.name for application in facts.applications},
            "state": repository.state(now),
        }
        return show_page(request, session, "channels.html", context, now=now)


@needs(Role.VIEWER)
def show(request: Request, name: str) -> HttpResponse:
    """The channel ``name``."""
    now = timezone.now()
    with read_scope() as session:
        channel, publications, found, rollouts = channel_page(session, name)
        state = repository.state(now)
        context: dict[str, Any] = {
            "channel": channel,
            "generations": generation_changes(publications)[:PUBLICATIONS_SHOWN],
            "published": [one for one in found if one.state == "published"],
            "open": [one for one in found if one.state != "published"],
            "rollouts": {rollout.generation: rollout for rollout in rollouts},
            "clusters": overview(session).clusters.get(channel.id, 0),
            "roles": [
                role
                for role in state.roles
                if role.name in (name, "timestamp", "snapshot", "rollouts", "targets", "root")
            ]
            if state
            else [],
            "signed_online": bool(state and name in state.online_roles),
        }
        return show_page(request, session, "channel.html", context, now=now)


@needs(Role.MAINTAINER, methods=("POST",))
def recall(request: Request, name: str) -> HttpResponse:
    """Publish the previous release of an application again. The person types the channel's name: many clusters follow it."""
    application = request.POST.get("application", "")
    confirmed(request, name)
    with session_scope() as session:
        publication = publications.channel_recall(
            session,
            channel=name,
            application=application,
            reason=request.POST.get("reason", ""),
            actor=request.user.actor,
            now=timezone.now(),
        )
        generation = publication.generation
    messages.success(
        request, f"{application} is recalled from {name}: generation {generation} has the release before it."
    )
    return HttpResponseRedirect(reverse("channel", args=(name,)))


@needs(Role.MAINTAINER, methods=("POST",))
def drop(request: Request, name: str) -> HttpResponse:
    """Take an application out of the channel. The person types the channel's name: many clusters follow it."""
    application = request.POST.get("application", "")
    confirmed(request, name)
    with session_scope() as session:
        publication = publications.channel_drop(
            session,
            channel=name,
            application=application,
            reason=request.POST.get("reason", ""),
            actor=request.user.actor,
            now=timezone.now(),
        )
        generation = publication.generation
    messages.success(request, f"{application} is out of {name} from generation {generation} on.")
    return HttpResponseRedirect(reverse("channel", args=(name,)))
