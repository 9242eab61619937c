"""Helm's post-renderer, ``python -m cluster_agent.applying.pin_images FOLDER``: rendered manifests in, the same with pinned images out.

``FOLDER`` has ``pins.json``, ``{"name:tag": "sha256:…"}``. What is wrong is written to ``complaint`` there, because Helm shows nothing
of what a post-renderer says. Starts in a blink, because it imports YAML and nothing else.
"""

import json
import sys
from pathlib import Path

PINS, COMPLAINT = "pins.json", "complaint"


def main() -> int:
    """Pin standard input to standard output; 1 and a complaint where an image is not known."""
    from cluster_agent.applying.images import pin_images  # at use: the driver needs the two names alone

    folder = Path(sys.argv[1])
    digests = json.loads((folder / PINS).read_bytes())
    try:
        sys.stdout.buffer.write(pin_images(sys.stdin.buffer.read().decode(), digests).encode())
    except ValueError as error:
        (folder / COMPLAINT).write_text(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
