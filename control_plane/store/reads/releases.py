"""Reads about applications, releases and promotions."""

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from control_plane.domain.errors import NotFound
from control_plane.store.models import Application, Channel, Promotion, Release, Run, Upstream
from control_plane.store.queries.pages import release_notes
from control_plane.store.reads.fill import fill, promotion_rows, release_row, run_row
from control_plane.store.reads.rows import (
    ApplicationDetail,
    ApplicationRow,
    PromotionRow,
    ReleaseDetail,
    ReleaseRow,
    UpstreamRow,
)
from control_plane.store.upstream_words import words_of


def applications(session: Session) -> list[ApplicationRow]:
    """Every application with its newest release and what each of its channels has. Three queries."""
    rows = session.scalars(select(Application).options(selectinload(Application.releases)).order_by(Application.name))
    published = {
        (promotion.application_id, channel): version
        for promotion, channel, version in session.execute(
            select(Promotion, Channel.name, Release.version)
            .join(Promotion.channel)
            .join(Promotion.release)
            .where(Promotion.state == "published")
        )
    }
    return [_application_row(row, published) for row in rows]


def _application_row(row: Application, published: dict[tuple[int, str], str]) -> ApplicationRow:
    newest = max(row.releases, key=lambda release: release.id, default=None)
    channels = {rule["name"]: published.get((row.id, rule["name"])) for rule in row.declaration["channels"]}
    return ApplicationRow(
        name=row.name,
        newest=newest.version if newest else None,
        state=newest.state if newest else "no release yet",
        channels=channels,
    )


def application(session: Session, *, name: str) -> ApplicationDetail:
    """One application whole. ``NotFound`` if there is none of that name."""
    found = session.scalars(
        select(Application)
        .where(Application.name == name)
        .options(
            selectinload(Application.upstreams).joinedload(Upstream.source),
            selectinload(Application.releases).joinedload(Release.application),
        )
    ).one_or_none()
    if found is None:
        raise NotFound(f"there is no application {name!r}: see `tidegate app list`", code="application_unknown")
    newest_first = sorted(found.releases, key=lambda release: release.id, reverse=True)
    return fill(
        ApplicationDetail,
        found,
        upstreams=[upstream_row(upstream) for upstream in found.upstreams],
        releases=[release_row(one) for one in newest_first],
    )


def upstream_row(upstream: Upstream) -> UpstreamRow:
    """Return the upstream with the state of its place."""
    source = upstream.source
    own = {name: getattr(upstream, name) for name in ("role", "alias", "newest", "reason")}
    seen = {
        name: getattr(source, name)
        for name in ("kind", "last_look_at", "next_look_at", "changed_at", "unknown_since", "last_error")
    }
    return UpstreamRow(**own, **seen, place=source.location, policy=words_of(upstream))


def releases(session: Session, *, application: str | None = None, limit: int = 200) -> list[ReleaseRow]:
    """Releases, newest first."""
    query = select(Release).options(joinedload(Release.application)).order_by(Release.id.desc()).limit(limit)
    if application is not None:
        query = query.where(Release.application.has(name=application))
    return [release_row(row) for row in session.scalars(query)]


def release(session: Session, *, application: str, version: str) -> ReleaseDetail:
    """One release whole. ``NotFound`` if there is none."""
    found = session.scalars(
        select(Release)
        .where(Release.application.has(name=application), Release.version == version)
        .options(
            joinedload(Release.application),
            selectinload(Release.runs).selectinload(Run.steps),
            selectinload(Release.runs).joinedload(Run.base_release),
            selectinload(Release.promotions).options(
                joinedload(Promotion.application), joinedload(Promotion.channel), selectinload(Promotion.approvals)
            ),
        )
    ).one_or_none()
    if found is None:
        raise NotFound(
            f"there is no release {application} {version}: see `tidegate release list`", code="release_unknown"
        )
    return fill(
        ReleaseDetail,
        found,
        application=found.application.name,
        notes=release_notes(session, found),
        runs=[run_row(run) for run in found.runs],
        promotions=promotion_rows(session, found.promotions),
    )


def promotions(session: Session, *, application: str | None = None, limit: int = 200) -> list[PromotionRow]:
    """Promotions, newest first."""
    query = (
        select(Promotion)
        .options(
            joinedload(Promotion.application),
            joinedload(Promotion.release),
            joinedload(Promotion.channel),
            selectinload(Promotion.approvals),
        )
        .order_by(Promotion.id.desc())
        .limit(limit)
    )
    if application is not None:
        query = query.where(Promotion.application.has(name=application))
    return promotion_rows(session, session.scalars(query).all())
