"""``/api/v1/metrics`` for Prometheus: counts by state, work that waits, and when signatures end. The text format needs no library."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from control_plane.settings import get_settings
from control_plane.store import work
from control_plane.store.queries.counts import counts
from control_plane.store.session import read_scope
from control_plane.web.api.routes import router
from control_plane.web.dashboard import repository

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HELP = {
    "tidegate_clusters": "Clusters by contact: new, in_contact, silent.",
    "tidegate_promotions": "Promotions by state.",
    "tidegate_rehearsals": "Rehearsals by verdict.",
    "tidegate_releases": "Releases by state.",
    "tidegate_rollouts": "Rollouts by state.",
    "tidegate_sources": "Places where versions appear: answers, unknown.",
    "tidegate_signature_expires_seconds": "Seconds until the signature of a role ends.",
    "tidegate_work_waiting": "Pieces of work that are due and not done, by kind. More than 0 for long: no worker.",
}
Sample = tuple[str, str, float]
"""A metric's name, its label as ``key="value"`` and its value."""


@router.get("/metrics")
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything in Prometheus' text format. Open to every role; three queries."""
    del request
    return HttpResponse(text(_samples(timezone.now())), content_type=CONTENT_TYPE)


def text(samples: Iterator[Sample]) -> str:
    """Return the samples with their help, ordered by name."""
    found = sorted(samples)
    lines = []
    for name, words in HELP.items():
        lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge"]
        lines += [f"{name}{{{label}}} {value:.15g}" for one, label, value in found if one == name]
    return "\n".join([*lines, ""])


def _samples(now: datetime) -> Iterator[Sample]:
    silent_after = timedelta(seconds=get_settings().silent_after_seconds)
    with read_scope() as session:
        for what, state, number in counts(session, now=now, silent_after=silent_after):
            yield f"tidegate_{what}", f'state="{state}"', number
        waiting = [nudge.work for nudge in work.waiting(session, now)]
    for kind in sorted(set(waiting)):
        yield "tidegate_work_waiting", f'work="{kind}"', waiting.count(kind)
    state_of_files = repository.state(now)
    for role in state_of_files.roles if state_of_files else ():
        if role.expires is not None:
            yield "tidegate_signature_expires_seconds", f'role="{role.name}"', (role.expires - now).total_seconds()
