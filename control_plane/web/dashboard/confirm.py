"""Forms that touch much ask the person to type a name."""

from django.http import HttpRequest

from control_plane.domain.errors import InvalidInput


def confirmed(request: HttpRequest, name: str) -> None:
    """Raise ``InvalidInput`` unless the person typed ``name``."""
    if request.POST.get("confirm", "").strip() != name:
        raise InvalidInput(f"type {name} to confirm: nothing was changed")
