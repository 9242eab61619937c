"""Use cases of clusters: add, enrol, renew the join token, remove. No secret is stored: hashes of tokens, public halves of keys."""

import hmac
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from cluster_agent.contract import EnrolAnswer, EnrolRequest, sha256_hex
from cluster_agent.contract import JoinToken as TokenText
from control_plane.domain.errors import InvalidInput, NotFound, Refused
from control_plane.domain.labels import checked_labels, labels_text
from control_plane.publishing.repository import Repository
from control_plane.services import audit
from control_plane.services.outside import repository_of
from control_plane.settings import get_settings
from control_plane.store import lookups
from control_plane.store.models import Channel, Cluster, JoinToken
from control_plane.store.session import Session

LONGEST_NAME = 63
DEFAULT_LIFETIME_SECONDS = 3600.0
LONGEST_LIFETIME_SECONDS = 30 * 24 * 3600.0


def cluster_add(
    session: Session,
    *,
    name: str,
    channel: str,
    root_sha256: str,
    actor: str,
    now: datetime,
    lifetime_seconds: float = DEFAULT_LIFETIME_SECONDS,
) -> str:
    """Add a cluster that will follow ``channel``; return its join token's text, which is shown once and kept nowhere.

    Raises ``InvalidInput`` for a name that is no DNS label, ``NotFound`` for the channel, ``Refused`` for a name that is taken.
    """
    _check_name(name)
    row = lookups.channel_named(session, channel)
    if lookups.find_cluster(session, name) is not None:
        raise Refused(
            f"there is a cluster {name!r} already: `tidegate cluster token {name}` makes a new join token",
            code="name_taken",
        )
    cluster = lookups.add(
        session, Cluster(name=name, channel=row, created_at=now, created_by=actor, last_sequence=0, generation=0)
    )
    audit.record(session, cluster, "added", actor=actor, now=now, channel=channel)
    return _new_token(session, cluster, row, root_sha256, actor, now, lifetime_seconds)


def cluster_token_renew(
    session: Session,
    *,
    name: str,
    root_sha256: str,
    actor: str,
    now: datetime,
    channel: str | None = None,
    lifetime_seconds: float = DEFAULT_LIFETIME_SECONDS,
) -> str:
    """Return a new join token; earlier ones that were not used stop working. An enrolled agent works on until it is used.

    With ``channel`` the cluster follows that one from then on. It takes a token, used in the cluster, because nothing that the control
    plane says alone may bring a cluster releases that others approved.
    """
    cluster = lookups.cluster_named(session, name)
    row = lookups.channel_named(session, channel) if channel else cluster.channel
    for token in lookups.unused_tokens(session, cluster.id):
        session.delete(token)
    audit.record(session, cluster, "token_renewed", actor=actor, now=now, channel=row.name)
    return _new_token(session, cluster, row, root_sha256, actor, now, lifetime_seconds)


def cluster_enrol(
    session: Session, *, request: EnrolRequest, now: datetime, repository: Repository | None = None
) -> EnrolAnswer:
    """Turn a join token into the agent's own key. The same key again gets the same answer.

    Raises ``Refused`` with code ``token_unknown``, ``token_wrong_cluster``, ``token_used`` or ``token_expired``.
    """
    token = _checked_token(session, request)
    cluster = token.cluster
    if token.used_at is not None and token.used_key != request.public_key:
        raise Refused(
            f"this join token was used already: `tidegate cluster token {cluster.name}` makes a new one",
            code="token_used",
        )
    if token.used_at is None:
        _enrol(session, cluster, token, request, now)
    root = (repository or repository_of(get_settings())).first_root()
    return EnrolAnswer(cluster=cluster.name, channel=cluster.channel.name, root=root.decode())


def cluster_remove(session: Session, *, name: str, reason: str, actor: str, now: datetime) -> None:
    """Forget a cluster: its agent's reports are refused from now on. What runs in it is left alone."""
    cluster = lookups.cluster_named(session, name)
    audit.record(session, cluster, "removed", actor=actor, now=now, reason=reason, channel=cluster.channel.name)
    session.delete(cluster)


def cluster_label(session: Session, *, name: str, labels: Mapping[str, str], actor: str, now: datetime) -> Cluster:
    """Give a cluster these labels in place of those it has. Raises ``InvalidInput``."""
    cluster, wanted = lookups.cluster_named(session, name), checked_labels(labels)
    if cluster.labels != wanted:
        why = f"{labels_text(cluster.labels) or 'none'} → {labels_text(wanted) or 'none'}"
        cluster.labels = wanted
        audit.record(session, cluster, "labelled", actor=actor, now=now, reason=why)
    return cluster


def cluster_relabel(
    session: Session, *, name: str, wanted: Mapping[str, str], gone: Collection[str], actor: str, now: datetime
) -> Cluster:
    """Set the ``wanted`` labels and take the ``gone`` ones away; the others stay. Raises ``InvalidInput``."""
    before = lookups.cluster_named(session, name).labels
    labels = {key: value for key, value in {**before, **wanted}.items() if key not in gone}
    return cluster_label(session, name=name, labels=labels, actor=actor, now=now)


def cluster_public_key(session: Session, *, name: str) -> str | None:
    """Return the enrolled agent's public key (raw ed25519, base64); None where no agent has enrolled."""
    try:
        return lookups.cluster_named(session, name).public_key
    except NotFound:
        return None


def _check_name(name: str) -> None:
    fits = (
        name
        and len(name) <= LONGEST_NAME
        and name.isascii()
        and name.replace("-", "a").isalnum()
        and name == name.lower()
    )
    if not fits or name.startswith("-") or name.endswith("-"):
        raise InvalidInput(
            f"{name!r} cannot be a cluster's name: use at most {LONGEST_NAME} lower-case letters, digits and '-' between them"
        )


def _new_token(
    session: Session,
    cluster: Cluster,
    channel: Channel,
    root_sha256: str,
    actor: str,
    now: datetime,
    lifetime_seconds: float,
) -> str:
    if not 0 < lifetime_seconds <= LONGEST_LIFETIME_SECONDS:
        days = LONGEST_LIFETIME_SECONDS / 86400
        raise InvalidInput(f"a join token lives at most {days:.0f} days, and more than 0 s: not {lifetime_seconds} s")
    text = TokenText(
        id=secrets.token_hex(8),
        secret=secrets.token_urlsafe(32),
        cluster=cluster.name,
        channel=channel.name,
        root_sha256=root_sha256,
    )
    session.add(
        JoinToken(
            id=text.id,
            cluster=cluster,
            channel=channel,
            secret_sha256=sha256_hex(text.secret.encode()),
            created_at=now,
            created_by=actor,
            expires_at=now + timedelta(seconds=lifetime_seconds),
        )
    )
    return text.encode()


def _checked_token(session: Session, request: EnrolRequest) -> JoinToken:
    """Return the token, locked. An unknown id costs the same comparison as a wrong secret."""
    token = lookups.find_token(session, request.token_id)
    expected = token.secret_sha256 if token else sha256_hex(b"")
    matches = hmac.compare_digest(expected, sha256_hex(request.token_secret.encode()))
    if token is None or not matches:
        raise Refused("this join token is not known here: was it made by another control plane?", code="token_unknown")
    if token.cluster.name != request.cluster:
        raise Refused(f"this join token is for another cluster than {request.cluster!r}", code="token_wrong_cluster")
    return token


def _enrol(session: Session, cluster: Cluster, token: JoinToken, request: EnrolRequest, now: datetime) -> None:
    if token.expires_at <= now:
        raise Refused(
            f"this join token expired at {token.expires_at:%Y-%m-%d %H:%M:%S} UTC (here it is {now:%H:%M:%S}): "
            f"`tidegate cluster token {cluster.name}` makes a new one",
            code="token_expired",
        )
    if token.channel is not None and token.channel_id != cluster.channel_id:
        former, cluster.channel, cluster.generation = cluster.channel.name, token.channel, 0
        change = {"from_state": former, "to_state": token.channel.name}
        audit.record(session, cluster, "moved", actor=f"agent:{cluster.name}", now=now, **change)
    token.used_at, token.used_key = now, request.public_key
    cluster.public_key, cluster.cluster_uid, cluster.enrolled_at = request.public_key, request.cluster_uid, now
    cluster.enrolment, cluster.last_sequence, cluster.last_contact_at = cluster.enrolment + 1, 0, now
    audit.record(session, cluster, "enrolled", actor=f"agent:{cluster.name}", now=now, cluster_uid=request.cluster_uid)
