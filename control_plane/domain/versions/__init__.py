"""Versions: schemes, ranges, selection policies."""
