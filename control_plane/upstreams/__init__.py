"""Readers of the outside world: one protocol, one file each."""
