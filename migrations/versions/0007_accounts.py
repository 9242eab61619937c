"""Accounts with sealed secrets, how accounts are used, and host keys that people accepted.

Compatibility: earlier versions do not know the new tables.

Revision: 0007; follows: 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("application", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("host", "path", "application", "kind", name=op.f("uq_account_host_path_application_kind")),
    )
    op.create_table(
        "account_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("application", sa.String(length=255), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_use")),
        sa.UniqueConstraint(
            "origin",
            "host",
            "path",
            "application",
            "username",
            name=op.f("uq_account_use_origin_host_path_application_username"),
        ),
    )
    op.create_table(
        "host_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=255), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host_key")),
        sa.UniqueConstraint("host", "fingerprint", name=op.f("uq_host_key_host_fingerprint")),
    )
    with op.batch_alter_table("host_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_host_key_host"), ["host"], unique=False)


def downgrade() -> None:
    op.drop_table("host_key")
    op.drop_table("account_use")
    op.drop_table("account")
