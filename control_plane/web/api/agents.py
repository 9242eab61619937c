"""``/api/agent/v1``: enrolment and reports. An agent signs each request with its own key; we store only its public half."""

import base64
from datetime import datetime
from typing import TypeVar

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from cluster_agent.contract import EnrolRequest, ReportBatch
from cluster_agent.contract.enrolment import AGENT_JWT_AUDIENCE, AGENT_JWT_LIFETIME_SECONDS
from control_plane.domain.errors import InvalidInput, TidegateError
from control_plane.services import clusters, reports
from control_plane.store.session import read_scope, session_scope
from control_plane.web.api.problems import problem, problem_of

CLOCK_SKEW_SECONDS = 30
T = TypeVar("T")


@csrf_exempt
@require_POST
def enrol(request: HttpRequest) -> HttpResponse:
    """Exchange a join token for the agent's own key. The request is signed with the key that it brings."""
    try:
        body = _decode(request, EnrolRequest)
        _claims(request, public_key=body.public_key)
        with session_scope() as session:
            answer = clusters.cluster_enrol(session, request=body, now=timezone.now())
    except jwt.InvalidTokenError as error:
        return _unauthenticated(error)
    except TidegateError as error:
        return problem_of(error)
    return _answer(answer)


@csrf_exempt
@require_POST
def receive_reports(request: HttpRequest) -> HttpResponse:
    """Store a batch of reports of the cluster that signed it."""
    try:
        name = _authenticated_cluster(request)
        batch = _decode(request, ReportBatch)
        with session_scope() as session:
            receipt = reports.reports_receive(session, cluster_name=name, batch=batch, now=timezone.now())
    except jwt.InvalidTokenError as error:
        return _unauthenticated(error)
    except TidegateError as error:
        return problem_of(error)
    return _answer(receipt)


def _authenticated_cluster(request: HttpRequest) -> str:
    claimed = str(jwt.decode(_bearer(request), options={"verify_signature": False}).get("iss", ""))
    with read_scope() as session:
        key = clusters.cluster_public_key(session, name=claimed)
    if key is None:
        raise jwt.InvalidTokenError(f"no cluster {claimed!r} is enrolled here")
    _claims(request, public_key=key)
    return claimed


def _claims(request: HttpRequest, *, public_key: str) -> dict[str, object]:
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
    except ValueError:
        raise jwt.InvalidTokenError("the public key is no raw ed25519 key in base64") from None
    claims: dict[str, object] = jwt.decode(
        _bearer(request),
        key=key,
        algorithms=["EdDSA"],
        audience=AGENT_JWT_AUDIENCE,
        leeway=CLOCK_SKEW_SECONDS,
        options={"require": ["exp", "iat", "iss"]},
    )
    lifetime = float(str(claims["exp"])) - float(str(claims["iat"]))
    if lifetime > AGENT_JWT_LIFETIME_SECONDS:
        raise jwt.InvalidTokenError(
            f"the token lives {lifetime:.0f} s: at most {AGENT_JWT_LIFETIME_SECONDS} s are allowed"
        )
    return claims


def _bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise jwt.InvalidTokenError("no bearer token")
    return token.strip()


def _unauthenticated(error: jwt.InvalidTokenError) -> HttpResponse:
    skewed = isinstance(error, jwt.ExpiredSignatureError | jwt.ImmatureSignatureError)
    now: datetime = timezone.now()
    hint = f" Compare the clocks: here it is {now:%Y-%m-%d %H:%M:%S} UTC." if skewed else ""
    return problem(
        401, "clock_skew" if skewed else "unauthenticated", f"the agent's signature is not accepted: {error}.{hint}"
    )


def _decode(request: HttpRequest, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not as the contract says: {error}") from None


def _answer(value: object) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(value), content_type="application/json")
