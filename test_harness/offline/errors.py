"""The one error of this room: the machine could not give what a cluster needs. Its message names the next step."""

from __future__ import annotations

from test_harness.errors import CouldNotTell


class ProvisioningError(CouldNotTell):
    """A program, an image or the Docker Engine could not be made ready. Says nothing about any release."""
