"""The database's schema after an install and after an upgrade. Not marked, so not asked of a rollback: it stays newer."""

SCHEMAS = {"2.2.8": 108, "2.2.16": 123, "2.3.0": 129}


def test_migrations_have_run(app, sql):
    version = int(sql("SELECT version FROM schema_version"))
    assert version == SCHEMAS.get(app.release, version)
    assert version >= min(SCHEMAS.values())
