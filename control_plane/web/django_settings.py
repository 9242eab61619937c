"""Django's settings, made from ours. The only module that Django configures itself from.

Accounts live in the same database as the domain. Pages are answered by ``dashboard``, people and tokens by ``accounts``.
"""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from control_plane.settings import get_settings, in_url
from control_plane.web.bodies import MAINTAINERS

_ours = get_settings()
_WEB = Path(__file__).parent
BUSY_TIMEOUT_SECONDS = 30


def secret_key(file: Path) -> str:
    """Return the key that signs sessions and forms; made at first use, mode 0600."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        _keep_first(file, secrets.token_urlsafe(50))
    return file.read_text(encoding="utf-8").strip()


def _keep_first(file: Path, text: str) -> None:
    """Write ``text`` unless another process, perhaps on another machine, has done so: whole or not at all."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        Path(draft).unlink()


def database(url: str) -> dict[str, Any]:
    """Return Django's description of the database that the SQLAlchemy ``url`` names."""
    parts = urlsplit(url)
    if parts.scheme.startswith("sqlite"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path[1:]),
            "OPTIONS": {
                "timeout": BUSY_TIMEOUT_SECONDS,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or query.pop("user", "")),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or query.pop("host", ""),
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": query,
    }


SECRET_KEY = secret_key(_ours.data_dir / "web-secret-key")
DEBUG = False
ALLOWED_HOSTS = [
    "127.0.0.1",
    "localhost",
    "[::1]",
    *map(in_url, (_ours.host, urlsplit(_ours.url).hostname or "localhost", *_ours.also_listen)),
    *_ours.allowed_hosts,
]
DATABASES = {"default": database(_ours.database)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "control_plane.web.accounts",
    "control_plane.web.dashboard",
]
MIDDLEWARE = [
    "control_plane.web.api.hook_secrets.hidden_secrets",
    "control_plane.web.proxies.caller_address",
    "control_plane.web.headers.security_headers",
    "control_plane.web.headers.known_host",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "control_plane.web.dashboard.errors.DomainErrors",
]
ROOT_URLCONF = "control_plane.web.urls"
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = MAINTAINERS  # each path has its own, smaller or equal limit: see bodies
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_WEB / "dashboard" / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "control_plane.web.dashboard.context.page",
            ],
            "builtins": ["control_plane.web.dashboard.tags"],
        },
    }
]
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("name",)},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "overview"

_SECURE = _ours.secure_cookies or _ours.url.startswith("https://")
SESSION_COOKIE_NAME = "tidegate_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _SECURE
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_NAME = "tidegate_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = _SECURE
CSRF_FAILURE_VIEW = "control_plane.web.dashboard.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = [_ours.url]
LOGGING_CONFIG = None  # control_plane.logs configures logging
