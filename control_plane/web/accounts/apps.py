"""The Django application of accounts."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and tokens."""

    name = "control_plane.web.accounts"
    label = "accounts"
    verbose_name = "Accounts"
