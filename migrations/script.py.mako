"""${message}

Compatibility: the release before this one works on the schema after this migration, because old and new processes run side by
side during an upgrade. So: add columns that are nullable or have a server default; fill them in; drop only what the release
before does not read any more. One step each, and each may be run again after it failed.

Revision: ${up_revision}; follows: ${down_revision or "nothing"}.
"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
