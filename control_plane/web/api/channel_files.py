"""The channels' signed files, as any web server would serve them: strong ETags, 304, no session and no database."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.views.decorators.http import require_safe

from control_plane.publishing.static import StaticFile, resolve
from control_plane.settings import get_settings


@require_safe
def channel_file(request: HttpRequest, path: str) -> HttpResponseBase:
    """Serve ``path`` below the TUF repository. 304 when the caller has this very content."""
    found = resolve(get_settings().tuf_dir, path)
    if found is None:
        raise Http404(path)
    response: HttpResponse
    if request.headers.get("If-None-Match") == found.etag:
        response = HttpResponseNotModified()
    else:
        response = HttpResponse(found.path.read_bytes(), content_type=_content_type(found))
    response["ETag"] = found.etag
    response["Cache-Control"] = found.cache_control
    return response


def _content_type(found: StaticFile) -> str:
    return "application/json" if found.path.suffix == ".json" else "application/octet-stream"
