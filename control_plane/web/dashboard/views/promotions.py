"""One promotion: its guards as a checklist; approve and reject."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from control_plane.domain.manifest_changes import manifest_changes
from control_plane.domain.promotions import OPEN_STATES, PromotionState
from control_plane.services import promotions
from control_plane.services.promotion_facts import promotion_approvals, standing_approvals
from control_plane.store.queries.pages import promotion_page, published_now
from control_plane.store.session import read_scope, session_scope
from control_plane.web.accounts.access import Request, needs
from control_plane.web.accounts.roles import Role
from control_plane.web.dashboard.show import show as show_page


@needs(Role.VIEWER)
def show(request: Request, promotion_id: int) -> HttpResponse:
    """The promotion."""
    now = timezone.now()
    with read_scope() as session:
        promotion = promotion_page(session, promotion_id)
        is_open = promotion.state in OPEN_STATES
        current = published_now(session, application_id=promotion.application_id, channel_id=promotion.channel_id)
        before = current.release if current and current.release_id != promotion.release_id else None
        mine = standing_approvals(session, promotion, request.user.actor) if is_open else []
        context = {
            "promotion": promotion,
            "guards": promotions.promotion_guards(session, promotion=promotion, now=now) if is_open else (),
            "is_open": is_open,
            "asks": promotion.state == PromotionState.AWAITING_APPROVAL and not mine,
            "mine": mine,
            "approvals": promotion_approvals(session, promotion) if is_open else promotion.approvals,
            "before": before,
            "changes": manifest_changes(before.manifest if before else None, promotion.release.manifest).all,
        }
        return show_page(request, session, "promotion.html", context, now=now)


@needs(Role.APPROVER, methods=("POST",))
def approve(request: Request, promotion_id: int) -> HttpResponse:
    """Approve the very digest that the form showed."""
    with session_scope() as session:
        promotion = promotions.promotion_approve(
            session,
            promotion_id=promotion_id,
            release_digest=request.POST.get("release_digest", ""),
            actor=request.user.actor,
            role=request.user.role,
            comment=request.POST.get("comment", ""),
            now=timezone.now(),
        )
        approved = promotion.state == PromotionState.APPROVED
    words = "It is published as soon as its guards hold." if approved else "More approvals are needed."
    messages.success(request, f"Your approval is recorded. {words}")
    return HttpResponseRedirect(reverse("promotion", args=(promotion_id,)))


@needs(Role.APPROVER, methods=("POST",))
def revoke(request: Request, promotion_id: int) -> HttpResponse:
    """Take one's own approval back, while the promotion is open."""
    with session_scope() as session:
        promotions.promotion_revoke(
            session,
            promotion_id=promotion_id,
            release_digest=request.POST.get("release_digest", ""),
            actor=request.user.actor,
            comment=request.POST.get("comment", ""),
            now=timezone.now(),
        )
    messages.success(request, "Your approval is taken back.")
    return HttpResponseRedirect(reverse("promotion", args=(promotion_id,)))


@needs(Role.APPROVER, methods=("POST",))
def reject(request: Request, promotion_id: int) -> HttpResponse:
    """Say no."""
    with session_scope() as session:
        promotions.promotion_reject(
            session,
            promotion_id=promotion_id,
            release_digest=request.POST.get("release_digest", ""),
            actor=request.user.actor,
            comment=request.POST.get("comment", ""),
            now=timezone.now(),
        )
    messages.success(request, "Rejected: this release does not enter the channel.")
    return HttpResponseRedirect(reverse("promotion", args=(promotion_id,)))
