"""``/api/v1``: what a maintainer does, by CLI or by a program. Reads are in ``reads``."""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from django.http import HttpRequest
from django.utils import timezone
from ninja import Schema

from cluster_agent.contract import decode_join_token, sha256_hex
from control_plane.domain.errors import InvalidInput, NotFound
from control_plane.services import applications, clusters, promotions, publications, quarantines, releases, rollouts
from control_plane.services.choosing import release_add
from control_plane.services.first_seen import check_ask
from control_plane.services.outside import repository_of
from control_plane.services.reading import account_owner, shared_reader
from control_plane.services.sources import sources_look
from control_plane.settings import get_settings
from control_plane.store.queries.pages import namespaces_of
from control_plane.store.reads import sources
from control_plane.store.reads.fill import upgrade_row
from control_plane.store.session import session_scope
from control_plane.store.upgrades import upgrades_of
from control_plane.upstreams.application_file import parse_application_file
from control_plane.upstreams.published_values import published_secrets
from control_plane.web.accounts.roles import Role
from control_plane.web.api.auth import caller
from control_plane.web.api.problems import mistake_row
from control_plane.web.api.routes import router


class ApplyBody(Schema):
    """An application file as text, and its suite's folder as a packed archive in base64."""

    file: str
    name: str = "application.yaml"
    suite: str | None = None


class DecisionBody(Schema):
    """A person's decision. ``release_digest`` is what the person looked at; another one is refused."""

    release_digest: str
    comment: str = ""


class OfferBody(Schema):
    """A channel to propose a release for, and why."""

    channel: str
    reason: str


class ReasonBody(Schema):
    """Why."""

    reason: str


class ReleaseBody(Schema):
    """A release that a person or a CI names: the chart's tag, and the tag of other upstreams by alias. The rest is chosen."""

    version: str
    images: dict[str, str] = {}


class QuarantineBody(Schema):
    """Tags to keep out: a tag, ``glob:…`` or ``regexp:…``. Without ``until`` it holds until it is lifted."""

    pattern: str
    reason: str
    until: datetime | None = None


class ClusterBody(Schema):
    """A cluster to be. ``lifetime_seconds`` is how long its join token may be used."""

    name: str
    channel: str
    lifetime_seconds: float = 3600.0


class TokenBody(Schema):
    """A new join token. ``channel`` None: the one that the cluster follows."""

    channel: str | None = None


class LookBody(Schema):
    """A place as `tidegate source list` names it."""

    place: str


class LabelsBody(Schema):
    """Labels to set, and names of labels to take away."""

    set: dict[str, str] = {}
    remove: list[str] = []


@router.post("/applications")
def apply_application(request: HttpRequest, body: ApplyBody) -> dict[str, Any]:
    """Declare an application, or change its declaration. ``warnings`` name values that look like secrets."""
    actor = caller(request, Role.MAINTAINER)
    suite = _decoded(body.suite)
    declaration = parse_application_file(body.file, file=body.name, suite=suite)
    with session_scope() as session:
        applied = applications.application_declare(
            session,
            declaration=declaration,
            suite=suite,
            file=body.file,
            actor=actor,
            now=timezone.now(),
            owner_of=account_owner,
        )
        upstreams = [upstream.source.location for upstream in applied.upstreams]
    warnings = [mistake_row(one) for one in published_secrets(body.file, file=body.name)]
    return {"name": declaration.name, "upstreams": upstreams, "warnings": warnings}


@router.post("/applications/{name}/remove")
def remove_application(request: HttpRequest, name: str, body: ReasonBody) -> dict[str, str]:
    """Stop tracking an application: it leaves its channels. What runs in clusters is left to their own rules."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        applications.application_remove(session, application=name, reason=body.reason, actor=actor, now=timezone.now())
    return {"application": name, "state": "removed"}


@router.post("/applications/{name}/quarantines")
def add_quarantine(request: HttpRequest, name: str, body: QuarantineBody) -> dict[str, Any]:
    """Keep tags out of an application. What is published stays as it is."""
    actor = caller(request, Role.MAINTAINER)
    if body.until is not None and body.until.tzinfo is None:
        raise InvalidInput("`until` has no time zone: write for example 2026-12-24T18:00:00Z")
    with session_scope() as session:
        row = quarantines.quarantine_add(session, application=name, **body.dict(), actor=actor, now=timezone.now())
        return {"id": row.id, "application": name, "pattern": row.pattern}


@router.delete("/applications/{name}/quarantines/{quarantine_id}")
def lift_quarantine(request: HttpRequest, name: str, quarantine_id: int, reason: str = "") -> dict[str, Any]:
    """Let the tags in again."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        if quarantine_id not in {one.id for one in sources.quarantines(session, application=name)}:
            raise NotFound(
                f"{name} has no quarantine {quarantine_id}: see `tidegate quarantine list {name}`", code="no_quarantine"
            )
        quarantines.quarantine_lift(
            session, quarantine_id=quarantine_id, reason=reason, actor=actor, now=timezone.now()
        )
    return {"id": quarantine_id, "state": "lifted"}


@router.post("/sources/look")
def look_at_source(request: HttpRequest, body: LookBody) -> dict[str, Any]:
    """Look at a place now, not when its turn comes."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        count = sources_look(session, place=body.place, actor=actor, now=timezone.now())
    return {"place": body.place, "sources": count}


@router.post("/applications/{name}/releases")
def add_release(request: HttpRequest, name: str, body: ReleaseBody) -> dict[str, str]:
    """Make a release of tags that a person or a CI names: policies are not asked about them. It is rehearsed like any other."""
    actor = caller(request, Role.MAINTAINER)
    version = release_add(
        application=name,
        tags={"chart": body.version, **body.images},
        actor=actor,
        reader=shared_reader(),
        clock=timezone.now,
    )
    return {"application": name, "version": version}


@router.post("/applications/{name}/releases/{version}/reject")
def reject_release(request: HttpRequest, name: str, version: str, body: ReasonBody) -> dict[str, str]:
    """Say no to a release: it enters no channel."""
    return _take_out(request, name, version, body.reason, releases.release_reject)


@router.post("/applications/{name}/releases/{version}/withdraw")
def withdraw_release(request: HttpRequest, name: str, version: str, body: ReasonBody) -> dict[str, str]:
    """Take a verified release back: it enters no further channel."""
    return _take_out(request, name, version, body.reason, releases.release_withdraw)


def _take_out(request: HttpRequest, name: str, version: str, reason: str, move: Callable[..., Any]) -> dict[str, str]:
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        release_id = releases.release_id_of(session, application=name, version=version)
        state = move(session, release_id=release_id, reason=reason, actor=actor, now=timezone.now()).state
    return {"application": name, "version": version, "state": state}


@router.post("/applications/{name}/releases/{version}/requeue")
def requeue_release(request: HttpRequest, name: str, version: str, body: ReasonBody) -> dict[str, str]:
    """Rehearse a failed or errored release again."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        release_id = releases.release_id_of(session, application=name, version=version)
        releases.release_requeue(session, release_id=release_id, reason=body.reason, actor=actor, now=timezone.now())
    return {"state": "queued"}


@router.post("/applications/{name}/releases/{version}/promotions")
def propose_release(request: HttpRequest, name: str, version: str, body: OfferBody) -> dict[str, Any]:
    """Propose a verified release for a channel, also where it was recalled or rejected before."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        release_id = releases.release_id_of(session, application=name, version=version)
        promotion = promotions.promotion_offer(
            session, release_id=release_id, **body.dict(), actor=actor, now=timezone.now()
        )
        return {"id": promotion.id, "channel": body.channel, "state": promotion.state}


@router.post("/promotions/{promotion_id}/approve")
def approve_promotion(request: HttpRequest, promotion_id: int, body: DecisionBody) -> dict[str, Any]:
    """Approve a promotion for the very digest that was looked at. ``upgrade`` says whether what clusters will do was rehearsed."""
    actor = caller(request, Role.APPROVER)
    with session_scope() as session:
        promotion = promotions.promotion_approve(
            session,
            promotion_id=promotion_id,
            release_digest=body.release_digest,
            actor=actor,
            role=Role.APPROVER,
            comment=body.comment,
            now=timezone.now(),
        )
        upgrade = upgrades_of(session, [promotion]).get(promotion.id)
        state = promotion.state
    return {
        "id": promotion_id,
        "state": state,
        "upgrade": msgspec.to_builtins(upgrade_row(upgrade)) if upgrade else None,
    }


@router.post("/promotions/{promotion_id}/reject")
def reject_promotion(request: HttpRequest, promotion_id: int, body: DecisionBody) -> dict[str, Any]:
    """Say no to a promotion."""
    actor = caller(request, Role.APPROVER)
    with session_scope() as session:
        promotions.promotion_reject(
            session,
            promotion_id=promotion_id,
            release_digest=body.release_digest,
            actor=actor,
            comment=body.comment,
            now=timezone.now(),
        )
    return {"id": promotion_id, "state": "rejected"}


@router.post("/channels/{channel}/applications/{application}/recall")
def recall(request: HttpRequest, channel: str, application: str, body: ReasonBody) -> dict[str, Any]:
    """Publish the previous release again, at a higher generation."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        publication = publications.channel_recall(
            session, channel=channel, application=application, reason=body.reason, actor=actor, now=timezone.now()
        )
        return {"channel": channel, "generation": publication.generation}


@router.post("/channels/{channel}/applications/{application}/drop")
def drop(request: HttpRequest, channel: str, application: str, body: ReasonBody) -> dict[str, Any]:
    """Take an application out of a channel. What runs in clusters is left to their own rules."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        publication = publications.channel_drop(
            session, channel=channel, application=application, reason=body.reason, actor=actor, now=timezone.now()
        )
        return {"channel": channel, "generation": publication.generation}


@router.post("/rollouts/{rollout_id}/{move}")
def move_rollout(request: HttpRequest, rollout_id: int, move: str, body: ReasonBody) -> dict[str, Any]:
    """Halt a rollout, or let it go on (``halt``, ``resume``)."""
    actor = caller(request, Role.MAINTAINER)
    moves = {"halt": rollouts.rollout_halt, "resume": rollouts.rollout_resume}
    if move not in moves:
        raise InvalidInput(f"{move!r} is no move of a rollout: use halt or resume", code="unknown_move")
    with session_scope() as session:
        rollout = moves[move](session, rollout_id=rollout_id, reason=body.reason, actor=actor, now=timezone.now())
        state = rollout.state
    return {"id": rollout_id, "state": state}


@router.post("/clusters")
def add_cluster(request: HttpRequest, body: ClusterBody) -> dict[str, Any]:
    """Make a join token for a cluster. It is shown once; only its hash is kept."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        token = clusters.cluster_add(
            session,
            name=body.name,
            channel=body.channel,
            root_sha256=_root_sha256(),
            lifetime_seconds=body.lifetime_seconds,
            actor=actor,
            now=timezone.now(),
        )
        namespaces = namespaces_of(session, body.channel)
    made = {"cluster": body.name, "channel": body.channel, "join_token": token, "url": get_settings().url}
    return {**made, "namespaces": namespaces}


@router.post("/clusters/{name}/token")
def renew_token(request: HttpRequest, name: str, body: TokenBody) -> dict[str, str]:
    """Make a new join token for a cluster; earlier unused ones stop working. With ``channel``: it follows that one once it is used."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        token = clusters.cluster_token_renew(
            session, name=name, root_sha256=_root_sha256(), channel=body.channel, actor=actor, now=timezone.now()
        )
    return {
        "cluster": name,
        "channel": decode_join_token(token).channel,
        "join_token": token,
        "url": get_settings().url,
    }


@router.post("/clusters/{name}/labels")
def label_cluster(request: HttpRequest, name: str, body: LabelsBody) -> dict[str, Any]:
    """Set and take away a cluster's labels; the others stay."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        row = clusters.cluster_relabel(
            session, name=name, wanted=body.set, gone=body.remove, actor=actor, now=timezone.now()
        )
        return {"cluster": name, "labels": row.labels}


@router.post("/clusters/{name}/remove")
def remove_cluster(request: HttpRequest, name: str, body: ReasonBody) -> dict[str, str]:
    """Forget a cluster. What runs in it is left alone."""
    actor = caller(request, Role.MAINTAINER)
    with session_scope() as session:
        clusters.cluster_remove(session, name=name, reason=body.reason, actor=actor, now=timezone.now())
    return {"cluster": name, "state": "removed"}


def _root_sha256() -> str:
    return sha256_hex(repository_of(get_settings()).first_root())


def _decoded(suite: str | None) -> bytes | None:
    try:
        return None if suite is None else base64.b64decode(suite, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("the suite's archive is not base64", code="suite_damaged") from None


@router.post("/audit/checks")
def check_logs(request: HttpRequest) -> dict[str, int]:
    """Have every row of every first-seen log checked; a check that goes on already is joined."""
    actor = caller(request, Role.VIEWER)
    with session_scope() as session:
        return {"id": check_ask(session, actor=actor, now=timezone.now()).id}
