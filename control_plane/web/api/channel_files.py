"""The channels' signed files, as any web server would serve them: strong ETags, 304, no session and no database."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from control_plane.domain.errors import NotFound
from control_plane.publishing.static import resolve
from control_plane.settings import get_settings
from control_plane.web.api.problems import problem_of


@require_safe
def channel_file(request: HttpRequest, path: str) -> HttpResponse:
    """Serve ``path`` of the TUF repository; 304 when the caller has this very content."""
    try:
        found = resolve(get_settings().tuf_dir, path)
    except NotFound as error:
        return problem_of(error)
    response: HttpResponse
    if found.matches(request.headers.get("If-None-Match")):
        response = HttpResponseNotModified()
    else:
        response = HttpResponse(found.body, content_type=found.content_type)
    response["ETag"] = found.etag
    response["Cache-Control"] = found.cache_control
    return response
