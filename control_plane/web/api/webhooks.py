"""``/api/webhooks/<vendor>``: a registry or forge says that something changed.

Only a nudge: the places it names are looked at, nothing it says is believed. Answers: 202 taken, 200 taken before or a handshake,
401 wrong secret, 413 too large, 422 unreadable. A delivery is remembered in the transaction that makes its nudges.
"""

from datetime import datetime

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from control_plane.domain.errors import TidegateError
from control_plane.services import sources
from control_plane.settings import get_settings
from control_plane.store.deliveries import delivery_is_new
from control_plane.store.session import Session, session_scope
from control_plane.upstreams import webhooks
from control_plane.upstreams.webhooks import Call, Reading, Vendor
from control_plane.web.api.hook_secrets import secrets_of, url_secret
from control_plane.web.api.problems import problem, problem_of

ORIGIN = "WebHook-Request-Origin"
log = structlog.get_logger(__name__)


@csrf_exempt
@require_http_methods(["POST", "OPTIONS"])
def webhook(request: HttpRequest, vendor_name: str) -> HttpResponse:
    """Take a vendor's webhook: 202 with the number of upstreams that will be looked at."""
    now = timezone.now()
    try:
        vendor = webhooks.vendor_named(vendor_name)
        call = _call(request, now)
        if call is None:
            return _too_large()
        if not webhooks.is_authentic(vendor, call, secrets_of(vendor.name, get_settings())):
            return _refused(request, vendor)
        if request.method == "OPTIONS":
            return _consent(request, vendor)
        return _taken(vendor, webhooks.read(vendor, call), now)
    except TidegateError as error:
        return problem_of(error)


def _call(request: HttpRequest, now: datetime) -> Call | None:
    """Return the request as vendors read it; None where its body is too large (``bodies`` has read no further)."""
    body = request.body
    if len(body) > get_settings().webhook_body_limit:
        return None
    return webhooks.call_of(request.headers, body, url_secret=url_secret(request), now=now.timestamp())


def _taken(vendor: Vendor, reading: Reading, now: datetime) -> HttpResponse:
    if reading.answer is not None:
        return JsonResponse(reading.answer)
    if not reading.places:
        return JsonResponse({"upstreams": 0}, status=202)
    with session_scope() as session:
        if reading.delivery and not delivery_is_new(session, vendor.name, reading.delivery, now):
            return JsonResponse({"upstreams": 0})
        nudged = _nudge(session, reading, now)
    log.info("webhook taken", vendor=vendor.name, upstreams=len(nudged))
    return JsonResponse({"upstreams": len(nudged)}, status=202)


def _nudge(session: Session, reading: Reading, now: datetime) -> list[int]:
    return sources.source_nudge(session, places=reading.places, now=now)


def _consent(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    """Answer CloudEvents' question whether events are wanted here; only those who know the secret are told so."""
    origin = request.headers.get(ORIGIN, "")
    headers = {"Allow": "POST, OPTIONS"}
    if vendor.consents and origin.isascii() and origin.isprintable() and origin:
        headers |= {"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
    return HttpResponse(headers=headers)


def _refused(request: HttpRequest, vendor: Vendor) -> HttpResponse:
    remote = request.META.get("REMOTE_ADDR")
    log.warning("webhook refused", vendor=vendor.name, reason="wrong or missing secret", remote=remote)
    return problem(401, "wrong_secret", "the webhook's secret is missing or wrong: nothing was done")


def _too_large() -> HttpResponse:
    limit = get_settings().webhook_body_limit
    return problem(
        413, "body_too_large", f"the body is too large: at most {limit} bytes are read, and nothing was done"
    )
