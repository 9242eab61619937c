"""Data saved before a change and put back when it fails."""
