"""Paths of the API, and of the channels' signed files."""

from django.urls import path
from ninja import NinjaAPI

from control_plane.web.api import (
    accounts,
    agents,
    channel_files,
    health,
    maintainers,
    metrics,
    reads,
    routes,
    webhooks,
)
from control_plane.web.api.auth import TokenAuth
from control_plane.web.api.problems import install_handlers

api = NinjaAPI(title="Tidegate", version="1", auth=TokenAuth(), urls_namespace="api", docs_url=None)
install_handlers(api)
ASKED_BY_IMPORT = (accounts, maintainers, metrics, reads)  # importing them puts their paths on the router
api.add_router("", routes.router)

urlpatterns = [
    path("api/agent/v1/enrol", agents.enrol),
    path("api/agent/v1/reports", agents.receive_reports),
    path("api/webhooks/<str:vendor_name>", webhooks.webhook),
    path("api/v1/", api.urls),
    path("tuf/<path:path>", channel_files.channel_file),
    path("healthz", health.alive),
    path("readyz", health.ready),
]
