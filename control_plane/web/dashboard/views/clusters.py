"""Clusters: what each runs and when it last called; how another one joins."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from cluster_agent.contract import sha256_hex
from control_plane.domain.agents import agent_standing
from control_plane.domain.joining import join_lines, nobody_reaches, rejoin_lines
from control_plane.domain.labels import labels_text, parse_labels
from control_plane.services import clusters
from control_plane.services.outside import repository_of
from control_plane.settings import get_settings
from control_plane.store.queries.fleet import (
    CLUSTERS_SHOWN,
    FleetFilter,
    clusters_matching,
    fleet_counts,
    state_counts,
    wanted_versions,
)
from control_plane.store.queries.pages import channel_list, cluster_page, namespaces_of
from control_plane.store.reads.fleet import own_version, required_by_channel
from control_plane.store.session import Session, read_scope, session_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.confirm import confirmed
from control_plane.web.dashboard.filters import CONTACTS, asked
from control_plane.web.dashboard.fleet import cluster_row
from control_plane.web.dashboard.matrix import matrix
from control_plane.web.dashboard.show import show as show_page
from control_plane.web.dashboard.words import STATES

JOIN_LIFETIME_SECONDS = 3600.0


@needs(Role.VIEWER)
def fleet(request: Request) -> HttpResponse:
    """Which version runs where: applications × versions, over all clusters or some of them."""
    now, limit = timezone.now(), timedelta(seconds=get_settings().silent_after_seconds)
    found = asked(request.GET, now)
    with read_scope() as session:
        states = state_counts(session, found.wanted, now=now, silent_after=limit)
        counts = fleet_counts(session, found.wanted, now=now, silent_after=limit)
        context = {
            "asked": found,
            "rows": matrix(counts, wanted_versions(session)),
            "states": [(value, states[value]) for value in STATES["cluster"] if value in states],
            "total": sum(states.values()),
            **_choices(session),
        }
        return show_page(request, session, "fleet.html", context, now=now)


@needs(Role.VIEWER)
def index(request: Request) -> HttpResponse:
    """Every cluster, or some of them, a page at a time by name."""
    now, seconds = timezone.now(), get_settings().silent_after_seconds
    found, limit = asked(request.GET, now), timedelta(seconds=seconds)
    with read_scope() as session:
        after = request.GET.get("after", "")
        clusters = clusters_matching(session, found.wanted, now=now, silent_after=limit, after=after)
        shown = clusters[:CLUSTERS_SHOWN]
        everything = sum(state_counts(session, FleetFilter(), now=now, silent_after=limit).values())
        matching = state_counts(session, found.wanted, now=now, silent_after=limit) if found.narrows else {}
        context = {
            "asked": found,
            "rows": [cluster_row(row, now=now, silent_after=seconds) for row in shown],
            "all": everything,
            "matching": sum(matching.values()) if found.narrows else everything,
            "next": shown[-1].name if len(clusters) > CLUSTERS_SHOWN else "",
            **_choices(session),
        }
        return show_page(request, session, "clusters.html", context, now=now)


def _choices(session: Session) -> dict[str, Any]:
    return {
        "channels": channel_list(session),
        "cluster_states": [(value, state.word) for value, state in STATES["cluster"].items()],
        "contacts": [(value, words) for value, (words, _) in CONTACTS.items()],
    }


@needs(Role.VIEWER)
def show(request: Request, name: str) -> HttpResponse:
    """The cluster ``name``."""
    now = timezone.now()
    with read_scope() as session:
        cluster, reports = cluster_page(session, name)
        row = cluster_row(cluster, now=now, silent_after=get_settings().silent_after_seconds)
        required = required_by_channel(session, cluster.channel_id).get(cluster.channel_id, ())
        context = {
            "row": row,
            "reports": reports,
            "agent": agent_standing(cluster.facts, required=required, own_version=own_version()),
            "labels": labels_text(cluster.labels),
        }
        return show_page(request, session, "cluster.html", context, now=now)


@needs(Role.MAINTAINER, methods=("GET", "HEAD", "POST"))
def join(request: Request) -> HttpResponse:
    """Ask for a name and a channel; then show the command that joins the cluster, once."""
    now = timezone.now()
    context = _invite(request) if request.method == "POST" else {}
    with read_scope() as session:
        return show_page(request, session, "join.html", {**context, "channels": channel_list(session)}, now=now)


@needs(Role.MAINTAINER, methods=("POST",))
def renew_token(request: Request, name: str) -> HttpResponse:
    """Make a new join token, and show the command with it, once."""
    now, settings = timezone.now(), get_settings()
    root_sha256 = sha256_hex(repository_of(settings).first_root())
    with session_scope() as session:
        token = clusters.cluster_token_renew(
            session, name=name, root_sha256=root_sha256, actor=request.user.actor, now=now
        )
    with read_scope() as session:
        cluster = cluster_page(session, name)[0]
        channel = cluster.channel.name
        context = (
            {"lines": rejoin_lines(token=token), "name": name, "channel": channel}
            if cluster.enrolled_at
            else _joining(name, channel, namespaces_of(session, channel), token)
        )
        return show_page(request, session, "join.html", context, now=now)


@needs(Role.MAINTAINER, methods=("POST",))
def label(request: Request, name: str) -> HttpResponse:
    """Give the cluster other labels."""
    with session_scope() as session:
        labels = parse_labels(request.POST.get("labels", ""))
        clusters.cluster_label(session, name=name, labels=labels, actor=request.user.actor, now=timezone.now())
    messages.success(request, f"The labels of {name} are changed.")
    return HttpResponseRedirect(reverse("cluster", args=(name,)))


@needs(Role.MAINTAINER, methods=("POST",))
def remove(request: Request, name: str) -> HttpResponse:
    """Forget the cluster. The person types its name."""
    confirmed(request, name)
    with session_scope() as session:
        reason = request.POST.get("reason", "")
        clusters.cluster_remove(session, name=name, reason=reason, actor=request.user.actor, now=timezone.now())
    messages.success(request, f"{name} is forgotten here. What runs in it is left alone.")
    return HttpResponseRedirect(reverse("clusters"))


def _invite(request: Request) -> dict[str, object]:
    settings = get_settings()
    name, channel = request.POST.get("name", "").strip(), request.POST.get("channel", "")
    root_sha256 = sha256_hex(repository_of(settings).first_root())
    with session_scope() as session:
        token = clusters.cluster_add(
            session,
            name=name,
            channel=channel,
            root_sha256=root_sha256,
            lifetime_seconds=JOIN_LIFETIME_SECONDS,
            actor=request.user.actor,
            now=timezone.now(),
        )
        namespaces = namespaces_of(session, channel)
    return _joining(name, channel, namespaces, token)


def _joining(name: str, channel: str, namespaces: Sequence[str], token: str) -> dict[str, object]:
    """Return what the page shows of a cluster that is to join."""
    url = get_settings().url
    lines = join_lines(cluster=name, url=url, namespaces=namespaces, token=token)
    return {"lines": lines, "name": name, "channel": channel, "unreachable": nobody_reaches(url)}
