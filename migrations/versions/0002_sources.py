"""Sources apart from what applications want of them; the first-seen log; quarantines; webhook deliveries.

Looks were kept with each application's upstream. Now a place is one row, looked at once for all, and an upstream says what an
application wants of it. Rows are carried over: what was seen stays seen, with its first time.

Compatibility: no release of Tidegate is out that reads the tables as they were, so the old ones go at once.

Revision: 0002; follows: 0001.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    upstreams = _rows(connection, "SELECT * FROM upstream ORDER BY id")
    sightings = _rows(connection, "SELECT * FROM sighting ORDER BY id")
    op.drop_table("sighting")
    with op.batch_alter_table("upstream", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_upstream_next_look_at"))
    op.drop_table("upstream")
    _make_tables()
    _carry_over(connection, upstreams, sightings)


def _rows(connection: Connection, statement: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(sa.text(statement)).mappings()]


def _carry_over(connection: Connection, upstreams: list[dict[str, Any]], sightings: list[dict[str, Any]]) -> None:
    """Make a source of each repository, with its tags and its log; looked at anew at once."""
    metadata = sa.MetaData()
    metadata.reflect(connection, only=["source", "source_tag", "first_sight", "upstream"])
    table = metadata.tables
    for old in upstreams:
        key = hashlib.sha256("\0".join(["oci", old["repository"], "", "", "", ""]).encode()).hexdigest()
        source_id = connection.scalar(sa.select(table["source"].c.id).where(table["source"].c.key == key))
        if source_id is None:
            source_id = _insert(connection, table["source"], _source(old, key))
        elif old["version_range"] != "same-as-chart":
            source = table["source"]
            connection.execute(
                sa.update(source).where(source.c.id == source_id).values(next_look_at=_time(old["next_look_at"]))
            )
        policy = None if old["version_range"] == "same-as-chart" else json.dumps({"rule": old["version_range"]})
        alias = "chart" if old["kind"] == "chart" else old["repository"].rpartition("/")[2]
        new = {"application_id": old["application_id"], "source_id": source_id, "role": old["kind"], "alias": alias}
        _insert(connection, table["upstream"], {**new, "policy": policy, "newest": old["newest"], "reason": ""})
        seen = [row for row in sightings if row["upstream_id"] == old["id"]]
        _carry_sightings(connection, table, source_id, key, seen)


def _source(old: dict[str, Any], key: str) -> dict[str, Any]:
    spec = json.dumps({"kind": "oci", "location": old["repository"]}, sort_keys=True, separators=(",", ":"))
    same = {name: old[name] for name in ("next_look_at", "last_look_at", "unknown_since", "last_error", "failures")}
    new = {"key": key, "kind": "oci", "location": old["repository"], "spec": spec, "account": "", "memo": "{}"}
    is_polled = old["version_range"] != "same-as-chart"
    return {**same, **new, "log_length": 0, "log_head": "", **({} if is_polled else {"next_look_at": None})}


def _carry_sightings(connection: Connection, table: Any, source_id: int, key: str, seen: list[dict[str, Any]]) -> None:
    """Write the tags and their log; of a repository that two applications watched, what was seen first counts."""
    if connection.scalar(sa.select(table["source"].c.log_length).filter_by(id=source_id)):
        return
    head, newest = "", {row["tag"]: row for row in seen}
    for position, row in enumerate(seen, start=1):
        at = _time(row["first_seen_at"])
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        words = (head, str(position), key, row["tag"], row["digest"], at.isoformat(), row["seen_by"])
        head = hashlib.sha256("\n".join(words).encode()).hexdigest()
        new = {"source_id": source_id, "position": position, "sha256": head, "first_seen_at": at}
        _insert(connection, table["first_sight"], {**new, **{name: row[name] for name in ("tag", "digest", "seen_by")}})
        if newest[row["tag"]] is row:
            tag = {"source_id": source_id, "name": row["tag"], "digest": row["digest"], "detail": "{}"}
            _insert(connection, table["source_tag"], {**tag, "first_seen_at": at})
    source = table["source"]
    connection.execute(sa.update(source).where(source.c.id == source_id).values(log_length=len(seen), log_head=head))


def _insert(connection: Connection, table: sa.Table, values: dict[str, Any]) -> int:
    times = {name: _time(value) for name, value in values.items()}
    inserted = connection.execute(sa.insert(table).values(times)).inserted_primary_key
    assert inserted is not None
    return int(inserted[0])


def _time(value: Any) -> Any:
    """SQLite gives times as text where a statement is text; the reflected columns want times."""
    if isinstance(value, str) and len(value) >= 19 and value[4:5] == "-" and value[13:14] == ":":
        return datetime.fromisoformat(value)
    return value


def _make_tables() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vendor", sa.String(length=255), nullable=False),
        sa.Column("delivery", sa.String(length=255), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("vendor", "delivery", name=op.f("uq_delivery_vendor_delivery")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_received_at"), ["received_at"], unique=False)

    op.create_table(
        "source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("memo", sa.Text(), nullable=False),
        sa.Column("unknown_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("log_length", sa.Integer(), nullable=False),
        sa.Column("log_head", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("key", name=op.f("uq_source_key")),
    )
    with op.batch_alter_table("source", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_source_next_look_at"), ["next_look_at"], unique=False)

    op.create_table(
        "first_sight",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=255), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_by", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_first_sight_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_first_sight")),
        sa.UniqueConstraint("source_id", "position", name=op.f("uq_first_sight_source_id_position")),
    )
    with op.batch_alter_table("first_sight", schema=None) as batch_op:
        batch_op.create_index("ix_first_sight_tag", ["source_id", "tag"], unique=False)

    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("application_id", sa.Integer(), nullable=False),
        sa.Column("pattern", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_quarantine_application_id_application"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quarantine_application_id"), ["application_id"], unique=False)

    op.create_table(
        "source_tag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=255), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_source_tag_source_id_source"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_tag")),
        sa.UniqueConstraint("source_id", "name", name=op.f("uq_source_tag_source_id_name")),
    )
    with op.batch_alter_table("application", schema=None) as batch_op:
        batch_op.add_column(sa.Column("choose_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("choose_lease", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("choice", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("poll_seconds", sa.Double(), server_default="60", nullable=False))
        batch_op.add_column(sa.Column("cron", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("cron_zone", sa.String(length=255), nullable=True))
        batch_op.create_index(batch_op.f("ix_application_choose_at"), ["choose_at"], unique=False)

    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parts", sa.Text(), nullable=True))

    op.create_table(
        "upstream",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("application_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=255), nullable=False),
        sa.Column("alias", sa.String(length=255), nullable=False),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("newest", sa.String(length=255), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_upstream_application_id_application"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_upstream_source_id_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upstream")),
        sa.UniqueConstraint("application_id", "role", "alias", name=op.f("uq_upstream_application_id_role_alias")),
    )
    with op.batch_alter_table("upstream", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_upstream_source_id"), ["source_id"], unique=False)


def downgrade() -> None:
    raise NotImplementedError(
        "the tables as they were cannot hold what is known now: restore the backup made before the upgrade"
    )
