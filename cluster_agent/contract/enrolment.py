"""Enrolment: a one-time join token becomes the agent's own key.

A join token is ``tgj_`` + base64url of the JSON of ``JoinToken``. It carries the hash of root.json,
so trust starts with the token, not with the network. The agent proves possession of its key:
the request carries an EdDSA JWT signed with the very key that is being enrolled.
"""

import base64
import binascii

import msgspec

from cluster_agent.contract.manifest import Struct

JOIN_TOKEN_PREFIX = "tgj_"  # noqa: S105  a prefix, no secret
AGENT_JWT_AUDIENCE = "tidegate-agent-api"
AGENT_JWT_LIFETIME_SECONDS = 60


class JoinToken(Struct, frozen=True, kw_only=True):
    """What a join token says. ``id`` is public, ``secret`` is not; ``root_sha256`` is hexadecimal."""

    id: str
    secret: str
    cluster: str
    channel: str
    root_sha256: str

    def encode(self) -> str:
        """Return the token's text, safe to paste into a shell."""
        return JOIN_TOKEN_PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def decode_join_token(text: str) -> JoinToken:
    """Read a token's text. Raises ``ValueError`` that says what is wrong, never with the secret in it."""
    if not text.startswith(JOIN_TOKEN_PREFIX):
        raise ValueError(f"a join token starts with {JOIN_TOKEN_PREFIX!r}: copy it whole from `tidegate cluster add`")
    body = text[len(JOIN_TOKEN_PREFIX) :].strip()
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=JoinToken)
    except (binascii.Error, ValueError):
        raise ValueError("the join token is damaged: copy it whole from `tidegate cluster add`") from None


class EnrolRequest(Struct, frozen=True, kw_only=True):
    """Body of ``POST /api/agent/v1/enrol``.

    ``public_key`` is the raw ed25519 key in base64; ``cluster_uid`` the UID of namespace kube-system.
    """

    token_id: str
    token_secret: str
    cluster: str
    cluster_uid: str
    public_key: str


class EnrolAnswer(Struct, frozen=True, kw_only=True):
    """Who the agent is from now on.

    ``root`` is the text of root.json version 1, which must hash to the token's ``root_sha256``.
    """

    cluster: str
    channel: str
    root: str
