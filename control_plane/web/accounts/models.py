"""Tables of people, API tokens and failed sign-ins. Names are immutable: the audit log refers to them as ``user:NAME``."""

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models

from control_plane.web.accounts.roles import Role

NAME = RegexValidator(r"^[a-z0-9][a-z0-9._-]{0,62}$", "1 to 63 lower-case letters, digits, dots, dashes or underscores")
ROLES = [(role.value, role.value) for role in Role]


class User(AbstractBaseUser):
    """A person. ``role`` decides what the person may do; a person who left is made inactive, never deleted."""

    name: "models.CharField[str, str]" = models.CharField(max_length=63, unique=True, validators=[NAME])
    role: "models.CharField[str, str]" = models.CharField(max_length=16, choices=ROLES, default=Role.VIEWER.value)
    is_active: "models.BooleanField[bool, bool]" = models.BooleanField(default=True)
    created_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField(auto_now_add=True)
    has_first_password: "models.BooleanField[bool, bool]" = models.BooleanField(default=False)

    objects: ClassVar["BaseUserManager[User]"] = BaseUserManager()
    USERNAME_FIELD = "name"

    @property
    def actor(self) -> str:
        """The person's name in the audit log."""
        return f"user:{self.name}"


class ApiToken(models.Model):
    """A token of a program that acts for ``user``. Only its SHA-256 is kept; ``prefix`` tells tokens apart."""

    user: "models.ForeignKey[User, User]" = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name: "models.CharField[str, str]" = models.CharField(max_length=80)
    prefix: "models.CharField[str, str]" = models.CharField(max_length=16)
    sha256: "models.CharField[str, str]" = models.CharField(max_length=64, unique=True)
    created_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField(auto_now_add=True)
    expires_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True)
    revoked_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True)
    last_used_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(null=True)


class FailedSignIn(models.Model):
    """One wrong password. Rows outside of the window are removed at the next one."""

    address: "models.CharField[str, str]" = models.CharField(max_length=64)
    name: "models.CharField[str, str]" = models.CharField(max_length=254)
    at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField(db_index=True)
