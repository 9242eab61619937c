"""Celery: thin tasks, one line of translation each."""
