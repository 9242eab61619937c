"""``python -m control_plane`` is ``tidegate``."""

from control_plane.cli import main

main()
