"""Paths of the pages. They are permanent: people paste them into tickets."""

from django.urls import path

from control_plane.web.dashboard.views import (
    applications,
    audit,
    channels,
    clusters,
    explain,
    overview,
    promotions,
    releases,
    rollouts,
    search,
    settings,
    sources,
)

RELEASE = "applications/<str:application>/releases/<str:version>"

urlpatterns = [
    path("", overview.show, name="overview"),
    path("applications/<str:name>", applications.show, name="application"),
    path("applications/<str:name>/remove", applications.remove, name="application-remove"),
    path("applications/<str:name>/explain", explain.show, name="explain"),
    path("applications/<str:name>/quarantines", explain.quarantine, name="quarantine-add"),
    path("applications/<str:name>/quarantines/<int:quarantine_id>/lift", explain.lift, name="quarantine-lift"),
    path("policies/try", explain.try_policy, name="policy-try"),
    path("sources", sources.show, name="sources"),
    path(RELEASE, releases.show, name="release"),
    path(f"{RELEASE}/requeue", releases.requeue, name="release-requeue"),
    path(f"{RELEASE}/reject", releases.reject, name="release-reject"),
    path(f"{RELEASE}/withdraw", releases.withdraw, name="release-withdraw"),
    path("runs/<int:run_id>/evidence/<path:file>", releases.evidence, name="evidence"),
    path("promotions/<int:promotion_id>", promotions.show, name="promotion"),
    path("promotions/<int:promotion_id>/approve", promotions.approve, name="promotion-approve"),
    path("promotions/<int:promotion_id>/reject", promotions.reject, name="promotion-reject"),
    path("promotions/<int:promotion_id>/revoke", promotions.revoke, name="promotion-revoke"),
    path("channels", channels.index, name="channels"),
    path("channels/<str:name>", channels.show, name="channel"),
    path("channels/<str:name>/recall", channels.recall, name="channel-recall"),
    path("rollouts/<int:rollout_id>", rollouts.show, name="rollout"),
    path("rollouts/<int:rollout_id>/halt", rollouts.halt, name="rollout-halt"),
    path("rollouts/<int:rollout_id>/resume", rollouts.resume, name="rollout-resume"),
    path("clusters", clusters.index, name="clusters"),
    path("clusters/join", clusters.join, name="cluster-join"),
    path("clusters/<str:name>", clusters.show, name="cluster"),
    path("clusters/<str:name>/token", clusters.renew_token, name="cluster-token"),
    path("clusters/<str:name>/remove", clusters.remove, name="cluster-remove"),
    path("audit", audit.show, name="audit"),
    path("search", search.show, name="search"),
    path("settings", settings.show, name="settings"),
    path("settings/people", settings.add_person, name="person-add"),
    path("settings/people/<int:person_id>", settings.change_person, name="person-change"),
    path("settings/people/<int:person_id>/password", settings.reset_password, name="person-password"),
    path("settings/tokens", settings.add_token, name="token-add"),
    path("settings/tokens/<int:token_id>/revoke", settings.revoke_token, name="token-revoke"),
]
