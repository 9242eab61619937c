"""Who the agent is: a one-time join token becomes its own ed25519 key, kept in a Secret; each request carries a fresh short JWT.

The key is stored before it is enrolled, so an agent killed half way enrols again with the same key, which the control plane allows.
"""

import base64
import time
import uuid
from dataclasses import dataclass

import httpx2
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cluster_agent.contract import EnrolAnswer, EnrolRequest, JoinToken, decode_join_token, sha256_hex
from cluster_agent.contract.enrolment import AGENT_JWT_AUDIENCE, AGENT_JWT_LIFETIME_SECONDS
from cluster_agent.errors import AgentError, Unreachable, Untrusted
from cluster_agent.journal import StoredObject

KEY, ENROLMENT, TOKEN_ID = "ed25519.key", "enrolment.json", "token-id"


class NotEnrolled(AgentError):
    """Enrolment cannot succeed by waiting: the token is wrong, used or expired. The message says how to get another."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An enrolled agent."""

    key: Ed25519PrivateKey
    enrolment: EnrolAnswer

    def bearer(self) -> dict[str, str]:
        """Return the header that signs one request."""
        return bearer(self.key, self.enrolment.cluster)


def bearer(key: Ed25519PrivateKey, cluster: str) -> dict[str, str]:
    """Return an ``Authorization`` header: an EdDSA JWT of ``cluster`` that lives for a minute."""
    now = int(time.time())
    claims = {
        "iss": cluster,
        "sub": cluster,
        "aud": AGENT_JWT_AUDIENCE,
        "iat": now,
        "exp": now + AGENT_JWT_LIFETIME_SECONDS,
        "jti": uuid.uuid4().hex,
    }
    return {"Authorization": f"Bearer {jwt.encode(claims, key, algorithm='EdDSA')}"}


def load_or_enrol(stored: StoredObject, http: httpx2.Client, url: str, join_token: str, cluster_uid: str) -> Identity:
    """Return the stored identity, or enrol with the join token. A token with another id than the stored one enrols anew.

    Raises ``NotEnrolled`` (get a new token), ``Untrusted`` (another server answers) or ``Unreachable`` (try again).
    """
    files = stored.load()
    token = _token(join_token) if join_token else None
    if ENROLMENT in files and (token is None or files.get(TOKEN_ID, b"").decode() == token.id):
        return Identity(_key(files[KEY]), msgspec.json.decode(files[ENROLMENT], type=EnrolAnswer))
    if token is None:
        raise NotEnrolled("no_join_token", "not enrolled, and no join token given: set joinToken in the chart's values")
    if KEY not in files or files.get(TOKEN_ID, b"").decode() != token.id:
        files = {KEY: base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()), TOKEN_ID: token.id.encode()}
        stored.save(files)
    answer = _enrol(http, url, token, _key(files[KEY]), cluster_uid)
    stored.save({**files, ENROLMENT: msgspec.json.encode(answer)})
    return Identity(_key(files[KEY]), answer)


def _enrol(http: httpx2.Client, url: str, token: JoinToken, key: Ed25519PrivateKey, cluster_uid: str) -> EnrolAnswer:
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    body = EnrolRequest(
        token_id=token.id,
        token_secret=token.secret,
        cluster=token.cluster,
        cluster_uid=cluster_uid,
        public_key=public,
    )
    target = f"{url.rstrip('/')}/api/agent/v1/enrol"
    headers = {**bearer(key, token.cluster), "Content-Type": "application/json"}
    try:
        answer = http.post(target, content=msgspec.json.encode(body), headers=headers)
    except httpx2.HTTPError as error:
        raise Unreachable(f"no answer from {target}: {str(error) or type(error).__name__}") from error
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unreachable(f"{target} answers HTTP {answer.status_code}")
    if answer.status_code != 200:
        raise NotEnrolled("enrolment_refused", f"the control plane refuses the join token: {problem_words(answer)}")
    return _checked(answer, token, target)


def _checked(answer: httpx2.Response, token: JoinToken, target: str) -> EnrolAnswer:
    try:
        enrolment = msgspec.json.decode(answer.content, type=EnrolAnswer)
    except msgspec.DecodeError as error:
        raise Unreachable(f"{target} gives no answer of a control plane: is the URL right? ({error})") from error
    if sha256_hex(enrolment.root.encode()) != token.root_sha256:
        words = "root.json is not the one that the join token names: somebody is in between, or the token is of another server"
        raise Untrusted("wrong_digest", words)
    if enrolment.channel != token.channel:
        words = f"the join token is for the channel {token.channel}, and the control plane says {enrolment.channel}: refused"
        raise Untrusted("wrong_channel", words)
    return enrolment


def problem_words(answer: httpx2.Response) -> str:
    """Return what an error answer says for people."""
    try:
        problem = msgspec.json.decode(answer.content, type=dict[str, object])
    except msgspec.DecodeError:
        return f"HTTP {answer.status_code}"
    return f"{problem.get('detail') or problem.get('message') or problem.get('title')} (HTTP {answer.status_code})"


def _token(text: str) -> JoinToken:
    try:
        return decode_join_token(text)
    except ValueError as error:
        raise NotEnrolled("bad_join_token", str(error)) from None


def _key(data: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(data))
