"""Typed SQLAlchemy models, the session scope and the read queries of the pages. The only user of sqlalchemy beside migrations/."""
