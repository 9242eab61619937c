"""What a release renders is kept by its digest, secrets hidden, so that any two releases can be compared.

Compatibility: earlier versions ignore the new table and column; releases made by them have nothing to compare here.

Revision: 0006; follows: 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rendering",
        sa.Column("digest", sa.String(length=255), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_rendering")),
    )
    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rendering", sa.String(length=255), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.drop_column("rendering")
    op.drop_table("rendering")
