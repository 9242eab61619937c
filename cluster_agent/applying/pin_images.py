"""Helm's post-renderer, ``python -m cluster_agent.applying.pin_images FILE``: rendered manifests in, the same with pinned images out.

``FILE`` is JSON, ``{"name:tag": "sha256:…"}``. Starts in a blink, because it imports YAML and nothing else.
"""

import json
import sys
from pathlib import Path

from cluster_agent.applying.images import pin_images


def main() -> int:
    """Pin standard input to standard output; 1 and a message where an image is not known."""
    digests = json.loads(Path(sys.argv[1]).read_bytes())
    try:
        sys.stdout.buffer.write(pin_images(sys.stdin.buffer.read().decode(), digests).encode())
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
