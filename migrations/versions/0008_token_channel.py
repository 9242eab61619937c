"""A join token may move its cluster to another channel.

Compatibility: earlier versions ignore the new column; tokens without it leave the cluster where it is.

Revision: 0008; follows: 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("join_token", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_join_token_channel_id_channel"), "channel", ["channel_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("join_token", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_join_token_channel_id_channel"), type_="foreignkey")
        batch_op.drop_column("channel_id")
