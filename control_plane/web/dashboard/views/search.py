"""Search over names, versions, digests and pages; the palette (Ctrl+K) shows the same."""

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from control_plane.store.queries.search import search
from control_plane.store.session import read_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role, allows
from control_plane.web.dashboard.show import show as show_page

PAGES: tuple[tuple[str, str, Role], ...] = (
    ("Overview", "overview", Role.VIEWER),
    ("Sources", "sources", Role.VIEWER),
    ("Accounts", "accounts", Role.VIEWER),
    ("Channels", "channels", Role.VIEWER),
    ("Fleet", "fleet", Role.VIEWER),
    ("Clusters", "clusters", Role.VIEWER),
    ("Audit", "audit", Role.VIEWER),
    ("Settings", "settings", Role.VIEWER),
    ("Try a policy", "policy-try", Role.VIEWER),
    ("New application", "application-new", Role.MAINTAINER),
    ("Join a cluster", "cluster-join", Role.MAINTAINER),
)


@needs(Role.VIEWER)
def show(request: Request) -> HttpResponse:
    """What the words in ``q`` find; without any, every page."""
    now, text = timezone.now(), request.GET.get("q", "").strip()[:200]
    pages = [
        (words, reverse(name))
        for words, name, role in PAGES
        if text.lower() in words.lower() and allows(request.user.role, role)
    ]
    with read_scope() as session:
        context = {"q": text, "hits": search(session, text), "pages": pages}
        return show_page(request, session, "search.html", context, now=now)
