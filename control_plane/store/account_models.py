"""The tables of accounts: sealed secrets, how accounts are used, and the host keys that people accepted."""

from datetime import datetime

from sqlalchemy import Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control_plane.store.base import Base


class Account(Base):
    """Who we are for a host, what is below ``path`` there, and perhaps one application (by name: it need not be declared yet).

    ``sealed`` is the secret, opened by the key ``key_id`` (``upstreams.sealed``). ``kind`` is one of ``domain.accounts.Kind``.
    """

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("host", "path", "application", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str]
    path: Mapped[str] = mapped_column(default="")
    application: Mapped[str] = mapped_column(default="")
    kind: Mapped[str]
    username: Mapped[str] = mapped_column(default="")
    sealed: Mapped[str] = mapped_column(Text)
    key_id: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class AccountUse(Base):
    """When an account, wherever it comes from, was last let in and last refused. Written to the minute, and lost with a killed process."""

    __tablename__ = "account_use"
    __table_args__ = (UniqueConstraint("origin", "host", "path", "application", "username"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str]
    host: Mapped[str]
    path: Mapped[str]
    application: Mapped[str]
    username: Mapped[str]
    used_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    refusal: Mapped[str] = mapped_column(Text, default="")


class HostKey(Base):
    """A key of an SSH server that a person accepted. ``host`` is as known_hosts has it; ``line`` its whole line there."""

    __tablename__ = "host_key"
    __table_args__ = (UniqueConstraint("host", "fingerprint"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(index=True)
    line: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str]
    accepted_at: Mapped[datetime]
    accepted_by: Mapped[str]
