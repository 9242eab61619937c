"""``/api/webhooks``: a registry says that something changed.

Only a nudge: the upstreams it names are looked at, nothing it says is believed.
"""

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from control_plane.domain.errors import TidegateError
from control_plane.services import upstreams
from control_plane.settings import Settings, get_settings
from control_plane.store.session import session_scope
from control_plane.upstreams.webhooks import named_repositories, secret_matches
from control_plane.web.api.problems import problem, problem_of

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
def registry(request: HttpRequest) -> HttpResponse:
    """Take a registry's notification: 202 with the number of upstreams that will be looked at."""
    body = request.body
    if not _is_authentic(request, body, get_settings()):
        log.warning("webhook refused", reason="wrong or missing secret", remote=request.META.get("REMOTE_ADDR"))
        return problem(401, "wrong_secret", "the webhook's secret is missing or wrong: nothing was done")
    try:
        repositories = named_repositories(body)
        with session_scope() as session:
            nudged = upstreams.upstream_nudge(session, repositories=repositories, now=timezone.now())
    except TidegateError as error:
        return problem_of(error)
    return JsonResponse({"upstreams": len(nudged)}, status=202)


def _is_authentic(request: HttpRequest, body: bytes, settings: Settings) -> bool:
    if settings.webhook_secret_file is None:
        return False
    try:
        secret = settings.webhook_secret_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        log.warning("the webhook's secret cannot be read: no notification is accepted", reason=str(error))
        return False
    return secret_matches(secret, headers=dict(request.headers), body=body)
