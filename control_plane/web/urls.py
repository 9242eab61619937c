"""Every path that this process answers: the dashboard, the API and the channels' signed files."""

from django.urls import include, path

urlpatterns = [
    path("", include("control_plane.web.api.urls")),
    path("", include("control_plane.web.accounts.urls")),
    path("", include("control_plane.web.dashboard.urls")),
]
handler400 = "control_plane.web.dashboard.errors.bad_request"
handler403 = "control_plane.web.dashboard.errors.forbidden"
handler404 = "control_plane.web.dashboard.errors.not_found"
handler500 = "control_plane.web.dashboard.errors.server_error"
