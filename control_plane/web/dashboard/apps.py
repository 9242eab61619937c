"""The Django application of the pages."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Pages; no tables."""

    name = "control_plane.web.dashboard"
    label = "dashboard"
