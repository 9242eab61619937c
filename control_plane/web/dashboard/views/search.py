"""Search over names, versions and digests."""

from django.http import HttpResponse
from django.utils import timezone

from control_plane.store.queries.search import search
from control_plane.store.session import read_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.show import show as show_page


@needs(Role.VIEWER)
def show(request: Request) -> HttpResponse:
    """What the words in ``q`` find."""
    now, text = timezone.now(), request.GET.get("q", "").strip()[:200]
    with read_scope() as session:
        return show_page(request, session, "search.html", {"q": text, "hits": search(session, text)}, now=now)
