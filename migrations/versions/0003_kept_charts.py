"""Releases say when the chart that the control plane keeps of them is lost.

Compatibility: earlier versions ignore the new columns.

Revision: 0003; follows: 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.add_column(sa.Column("chart_lost", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("chart_lost_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f("ix_release_chart_lost_since"), ["chart_lost_since"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_release_chart_lost_since"))
        batch_op.drop_column("chart_lost_since")
        batch_op.drop_column("chart_lost")
