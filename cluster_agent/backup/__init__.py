"""Saving an application's data before a change and putting it back when the way back needs it."""
