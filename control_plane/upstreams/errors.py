"""What only an upstream can be guilty of. Both mean that the *release* is bad; a registry that is down is ``Transient``."""

from control_plane.domain.errors import InvalidInput, NotFound


class ChartInvalid(InvalidInput):
    """The chart cannot be read or does not render. The message quotes Helm's line."""


class ImageMissing(NotFound):
    """The release names an image that its registry says does not exist."""
