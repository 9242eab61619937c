"""Readers of the outside: registries, charts, application files, webhooks. They never write and never decide."""
