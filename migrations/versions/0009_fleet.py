"""Clusters have labels; what was reported about a generation is found without reading every report.

Compatibility: earlier versions ignore the new column and index.

Revision: 0009; follows: 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("cluster", schema=None) as batch_op:
        batch_op.add_column(sa.Column("labels", sa.Text(), server_default="{}", nullable=False))
    with op.batch_alter_table("agent_report", schema=None) as batch_op:
        batch_op.create_index("ix_agent_report_generation", ["generation", "cluster_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("agent_report", schema=None) as batch_op:
        batch_op.drop_index("ix_agent_report_generation")
    with op.batch_alter_table("cluster", schema=None) as batch_op:
        batch_op.drop_column("labels")
