"""``/healthz``: the process answers. ``/readyz``: its database does too."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from control_plane.store.session import database_answers
from control_plane.web.api.problems import problem


@require_safe
def alive(request: HttpRequest) -> HttpResponse:
    """Say that the process serves."""
    del request
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """Say whether pages can be served."""
    del request
    if not database_answers():
        return problem(503, "database_down", "the database does not answer: see the log and TIDEGATE_DATABASE_URL")
    return JsonResponse({"status": "ok"})
