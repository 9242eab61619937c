"""What changes from one release of an application to another: images, chart, values, rendered objects, notes. Only reads."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from control_plane.domain.manifest_changes import ManifestChanges, manifest_changes
from control_plane.domain.rendered import RenderedObject
from control_plane.domain.sources import Notes
from control_plane.domain.text_diff import Line, text_diff
from control_plane.domain.versions.semver import is_older
from control_plane.services.renderings import rendering_of
from control_plane.store.models import Release
from control_plane.store.queries.comparing import notes_of, two_releases
from control_plane.store.session import Session

MOST_LINES = 4000  # of one object: longer ones are only said to differ
MOST_NOTES = 50
# What every release changes in each object, whatever else it changes.
_MARKS = ("helm.sh/chart:", "app.kubernetes.io/version:", "chart:", "version:")

Change = Literal["added", "removed", "changed"]
Key = tuple[str, str, str, int]


class ObjectDiff(msgspec.Struct, frozen=True, kw_only=True):
    """One object that differs. ``marks_only``: by the version in its labels alone. ``lines`` are empty where it is ``too_long``."""

    kind: str
    name: str
    namespace: str
    hook: str
    change: Change
    marks_only: bool
    too_long: bool
    plus: int
    minus: int
    lines: tuple[Line, ...]

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.kind} {self.name}" + (f" in {self.namespace}" if self.namespace else "")


class NotesOf(msgspec.Struct, frozen=True, kw_only=True):
    """What a publisher says about one version between the two."""

    alias: str
    tag: str
    notes: Notes


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two releases. ``is_back``: ``after`` is the older one. ``unknown`` says why objects cannot be compared, empty where they can.

    ``notes`` are those of the versions after the older one up to the newer one, newest first.
    """

    application: str
    before: str
    after: str
    is_back: bool
    changes: ManifestChanges
    objects: tuple[ObjectDiff, ...] = ()
    same: int = 0
    unknown: str = ""
    notes: tuple[NotesOf, ...] = ()


def release_compare(session: Session, *, application: str, before: str, after: str) -> Comparison:
    """Compare two releases of an application, by their versions. Raises ``NotFound``."""
    old, new = two_releases(session, application, before, after)
    is_back = is_older(after, before)
    unknown = _unknown(old, new)
    objects, same = ((), 0) if unknown else _objects(rendering_of(session, old) or (), rendering_of(session, new) or ())
    return Comparison(
        application=application,
        before=before,
        after=after,
        is_back=is_back,
        changes=manifest_changes(old.manifest, new.manifest),
        objects=objects,
        same=same,
        unknown=unknown,
        notes=_notes(session, new, old) if is_back else _notes(session, old, new),
    )


def _unknown(old: Release, new: Release) -> str:
    missing = [one.version for one in (old, new) if one.rendering is None]
    if not missing:
        return ""
    words = " and ".join(dict.fromkeys(missing))
    return f"what {words} renders was not kept: it was not resolved yet, or by an earlier Tidegate, or it is too large"


def _objects(old: Sequence[RenderedObject], new: Sequence[RenderedObject]) -> tuple[tuple[ObjectDiff, ...], int]:
    """Return the objects that differ, in the order of the newer release, and how many are the same."""
    before, after = dict(_keyed(old)), dict(_keyed(new))
    keys = [*after, *(key for key in before if key not in after)]
    found = [_object(before.get(key), after.get(key)) for key in keys]
    return tuple(one for one in found if one is not None), sum(one is None for one in found)


def _keyed(objects: Iterable[RenderedObject]) -> Iterator[tuple[Key, RenderedObject]]:
    """Give each object its key; those of one name (which no cluster would take) are told apart by their order."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for one in objects:
        named = (one.kind, one.namespace, one.name)
        yield (*named, seen[named]), one
        seen[named] += 1


def _object(old: RenderedObject | None, new: RenderedObject | None) -> ObjectDiff | None:
    one = new or old
    before, after = old.text if old else "", new.text if new else ""
    if one is None or before == after:
        return None
    too_long = max(before.count("\n"), after.count("\n")) > MOST_LINES
    lines = () if too_long else text_diff(before, after)
    touched = [line.text.strip() for line in lines if line.kind in ("plus", "minus")]
    return ObjectDiff(
        kind=one.kind,
        name=one.name,
        namespace=one.namespace,
        hook=one.hook,
        change="added" if old is None else "removed" if new is None else "changed",
        marks_only=bool(old and new and touched) and all(text.startswith(_MARKS) for text in touched),
        too_long=too_long,
        plus=sum(line.kind == "plus" for line in lines),
        minus=sum(line.kind == "minus" for line in lines),
        lines=lines,
    )


def _notes(session: Session, older: Release, newer: Release) -> tuple[NotesOf, ...]:
    """Return the notes of every version that the newer release brings, of each upstream."""
    first, last = _tags(older), _tags(newer)
    found = [
        NotesOf(alias=alias, tag=tag, notes=msgspec.convert(notes, Notes))
        for (alias, tag), notes in notes_of(session, newer.application_id).items()
        if _is_between(tag, first.get(alias, ""), last.get(alias, ""))
    ]
    return tuple(_newest_first(found)[:MOST_NOTES])


def _tags(release: Release) -> dict[str, str]:
    parts: dict[str, Any] = release.parts or {"chart": {"tag": release.version}}
    return {alias: part["tag"] for alias, part in parts.items()}


def _is_between(tag: str, first: str, last: str) -> bool:
    return tag != first and (tag == last or (is_older(first, tag) and is_older(tag, last)))


def _newest_first(notes: list[NotesOf]) -> list[NotesOf]:
    """Sort by version; what is no version stays where it is."""
    ordered: list[NotesOf] = []
    for one in notes:
        place = next((at for at, other in enumerate(ordered) if is_older(other.tag, one.tag)), len(ordered))
        ordered.insert(place, one)
    return ordered
