"""Putting a release into a cluster and taking it out again: chart, images, Helm, health, rollback.

The harness rehearses with these very functions: what is tested is what ships. Nothing here knows the agent's loop.
"""
