"""API tokens: ``tgp_`` + 43 characters. Shown once; only the SHA-256 is stored (a token is random, so no slow hash is needed)."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from control_plane.web.accounts.models import ApiToken, User

PREFIX = "tgp_"
SHOWN_CHARACTERS = 10
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls: ``actor`` is the name for the audit log, ``role`` a value of ``Role``."""

    actor: str
    role: str


def create(user: User, name: str, *, lifetime: timedelta | None = None) -> str:
    """Make a token for ``user`` and return its text, which cannot be had again."""
    text = PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        user=user,
        name=name,
        prefix=text[:SHOWN_CHARACTERS],
        sha256=_hash(text),
        expires_at=timezone.now() + lifetime if lifetime else None,
    )
    return text


def authenticate(header: str) -> Identity | None:
    """Return who sent the ``Authorization`` header, or None if it is no valid, living token of an active person."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer" or not text.startswith(PREFIX):
        return None
    now = timezone.now()
    token = (
        ApiToken.objects.select_related("user")
        .filter(Q(expires_at=None) | Q(expires_at__gt=now), sha256=_hash(text.strip()), revoked_at=None)
        .filter(user__is_active=True)
        .first()
    )
    if token is None:
        return None
    if token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return Identity(actor=token.user.actor, role=token.user.role)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
