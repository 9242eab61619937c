"""``python -m test_harness.demo up|down [--exit]``: the story for people; ``tidegate demo`` calls it."""

import argparse
import signal
import sys
from types import FrameType

from test_harness.clusters import ClusterError
from test_harness.demo.narrator import Narrator, StoryFailed, say
from test_harness.demo.stage import Stage, demo_folder, down
from test_harness.demo.story import Story
from test_harness.offline.errors import ProvisioningError

PORT = 8080


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 every step came true, 1 one did not (the message says what was seen instead)."""
    parser = argparse.ArgumentParser(prog="tidegate demo", description=__doc__)
    parser.add_argument("action", nargs="?", choices=["up", "down"], default="up")
    parser.add_argument("--exit", action="store_true", help="remove everything and end after the story")
    parser.add_argument("--port", type=int, default=PORT, help="port of the dashboard")
    chosen = parser.parse_args(arguments)
    try:
        return _down() if chosen.action == "down" else _up(leave=chosen.exit, port=chosen.port)
    except (StoryFailed, ProvisioningError, ClusterError) as error:
        say(
            f"\n✗ {error}\n\n`tidegate demo down` removes every trace; `tidegate doctor` says what this machine can do."
        )
        return 1


def _up(*, leave: bool, port: int) -> int:
    down(demo_folder())
    narrator = Narrator()
    stage = Stage(narrator, port=port)
    Story(stage, narrator).play()
    say(f"\n{narrator.table()}\n")
    say(f"Every step came true. Dashboard: {stage.control_plane.url}")
    password = stage.control_plane.first_password()
    if password:
        say(f"Sign in as admin with the password {password}")
    if leave:
        down(demo_folder())
        return 0
    say("Ctrl-C removes everything; `tidegate demo down` does so later.")
    _until_interrupted()
    return _down()


def _down() -> int:
    removed = down(demo_folder())
    say("Removed: " + (", ".join(removed) if removed else "nothing was left"))
    return 0


def _until_interrupted() -> None:
    def woken(number: int, frame: FrameType | None) -> None:
        del number, frame

    signal.signal(signal.SIGINT, woken)
    signal.signal(signal.SIGTERM, woken)
    signal.pause()


if __name__ == "__main__":
    sys.exit(main())
