"""``/api/v1``: what is. Every read is open to every signed-in role."""

from datetime import timedelta
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Schema

from control_plane.domain.versions.words import policy_words
from control_plane.services.comparing import release_compare
from control_plane.services.explaining import application_explain, policy_try
from control_plane.services.first_seen import check_of, checks_known
from control_plane.services.hosts import hosts_known
from control_plane.services.outside import limits_of
from control_plane.settings import get_settings
from control_plane.store import lookups
from control_plane.store.models import LogCheck
from control_plane.store.queries.needs_you import needs_you
from control_plane.store.queries.pages import application_upstreams
from control_plane.store.reads import fleet, releases, sources
from control_plane.store.session import read_scope
from control_plane.upstreams.policy_text import parse_policy
from control_plane.web.api.routes import router
from control_plane.web.dashboard.strip import items

MOST = 1000


def _answer(value: Any) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(value), content_type="application/json")


@router.get("/applications")
def list_applications(request: HttpRequest) -> HttpResponse:
    """Applications × channels."""
    del request
    with read_scope() as session:
        return _answer(releases.applications(session))


@router.get("/applications/{name}")
def show_application(request: HttpRequest, name: str) -> HttpResponse:
    """One application with its upstreams and releases."""
    del request
    with read_scope() as session:
        return _answer(releases.application(session, name=name))


@router.get("/applications/{name}/explain")
def explain_application(request: HttpRequest, name: str, upstream: str | None = None) -> HttpResponse:
    """Every tag seen of each upstream, chosen or not, with the one reason; ``upstream`` is an alias."""
    del request
    with read_scope() as session:
        found = application_explain(session, application=name, now=timezone.now(), upstream=upstream)
        choice = application_upstreams(session, name).choice
        kept_out = sources.quarantines(session, application=name)
    return _answer({"application": name, "choice": choice, "upstreams": found, "quarantines": kept_out})


class PolicyBody(Schema):
    """A policy (a Helm range, YAML, JSON or a mapping), and tags to try it on. ``current`` is the tag that is followed now."""

    policy: str | dict[str, Any]
    tags: list[str]
    current: str = ""


@router.post("/policies/explain")
def explain_policy(request: HttpRequest, body: PolicyBody) -> HttpResponse:
    """What a policy would choose among a list of tags. Changes nothing; ages and platforms are not asked for."""
    del request
    policy = parse_policy(body.policy)
    tags = policy_try(policy, body.tags, timezone.now(), current=body.current)
    return _answer({"policy": policy_words(policy), "tags": tags})


@router.get("/applications/{name}/quarantines")
def list_quarantines(request: HttpRequest, name: str) -> HttpResponse:
    """What people keep out of an application."""
    del request
    with read_scope() as session:
        return _answer(sources.quarantines(session, application=name))


@router.get("/sources")
def list_sources(request: HttpRequest) -> HttpResponse:
    """Every place where versions appear: last and next look, and whether it answers."""
    del request
    with read_scope() as session:
        return _answer(sources.sources(session))


@router.get("/hosts")
def list_hosts(request: HttpRequest) -> HttpResponse:
    """Every host that was asked within a week: how much of our budgets is used, and whether it is left alone now."""
    del request
    with read_scope() as session:
        return _answer(hosts_known(session, limits_of=limits_of(get_settings()), now=timezone.now()))


@router.get("/audit/chain")
def show_chain(request: HttpRequest) -> HttpResponse:
    """What the last check of the first-seen logs found, and when (``sound`` is null before the first); and the one that goes on now."""
    del request
    with read_scope() as session:
        last, running = checks_known(session)
    return _answer({"sound": None if last is None else not last.damages, "last": last, "running": running})


@router.get("/audit/checks/{check_id}")
def show_check(request: HttpRequest, check_id: int) -> HttpResponse:
    """One check of the first-seen logs: how far it is, and what it has found."""
    del request
    with read_scope() as session:
        return _answer(check_of(lookups.get(session, LogCheck, check_id)))


@router.get("/applications/{name}/releases/{version}")
def show_release(request: HttpRequest, name: str, version: str) -> HttpResponse:
    """One release with its rehearsals and promotions."""
    del request
    with read_scope() as session:
        return _answer(releases.release(session, application=name, version=version))


@router.get("/applications/{name}/compare")
def compare_releases(request: HttpRequest, name: str, before: str, after: str) -> HttpResponse:
    """What changes from one release to another: images, chart, values, rendered objects (secrets hidden), release notes."""
    del request
    with read_scope() as session:
        return _answer(release_compare(session, application=name, before=before, after=after))


@router.get("/releases")
def list_releases(request: HttpRequest, application: str | None = None) -> HttpResponse:
    """Releases, newest first."""
    del request
    with read_scope() as session:
        return _answer(releases.releases(session, application=application))


@router.get("/promotions")
def list_promotions(request: HttpRequest, application: str | None = None) -> HttpResponse:
    """Promotions, newest first."""
    del request
    with read_scope() as session:
        return _answer(releases.promotions(session, application=application))


@router.get("/channels")
def list_channels(request: HttpRequest) -> HttpResponse:
    """Channels and what they hold."""
    del request
    with read_scope() as session:
        return _answer(fleet.channels(session))


@router.get("/clusters")
def list_clusters(request: HttpRequest) -> HttpResponse:
    """Clusters and what they run."""
    del request
    with read_scope() as session:
        return _answer(fleet.clusters(session))


@router.get("/clusters/{name}")
def show_cluster(request: HttpRequest, name: str) -> HttpResponse:
    """One cluster: its agent and what it runs."""
    del request
    with read_scope() as session:
        return _answer(fleet.cluster(session, name=name))


@router.get("/clusters/{name}/reports")
def list_reports(request: HttpRequest, name: str) -> HttpResponse:
    """What a cluster's agent reported, newest first."""
    del request
    with read_scope() as session:
        return _answer(fleet.reports(session, cluster=name))


@router.get("/rollouts")
def list_rollouts(request: HttpRequest) -> HttpResponse:
    """Rollouts, newest first."""
    del request
    with read_scope() as session:
        return _answer(fleet.rollouts(session))


@router.get("/needs")
def list_needs(request: HttpRequest) -> HttpResponse:
    """What needs a person: the strip on top of every page."""
    del request
    silent_after = timedelta(seconds=get_settings().silent_after_seconds)
    with read_scope() as session:
        found = needs_you(session, now=timezone.now(), silent_after=silent_after)
    return _answer([{"title": item.title, "detail": item.words, "since": item.since} for item in items(found)])


@router.get("/audit")
def list_audit(request: HttpRequest, subject: str | None = None, limit: int = 50) -> HttpResponse:
    """The audit log, newest first."""
    del request
    with read_scope() as session:
        return _answer(fleet.audit(session, subject=subject, limit=min(limit, MOST)))
