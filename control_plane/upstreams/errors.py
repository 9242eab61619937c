"""What only an upstream can be guilty of. Both mean that the *release* is bad; a registry that is down is ``Transient``."""

from control_plane.domain.errors import TidegateError


class ChartInvalid(TidegateError):
    """The chart cannot be read or does not render: the release is bad. The message quotes Helm's line."""

    status = 422


class ImageMissing(TidegateError):
    """The release names an image that its registry says does not exist: the release is bad."""

    status = 422
