"""Reading what a webhook brings: JSON, or JSON in a form's field ``payload``. Of a wrong shape is the same as not there. PURE."""

import hashlib
import json
from typing import Any
from urllib.parse import parse_qs

from control_plane.domain.errors import InvalidInput
from control_plane.upstreams.webhooks.vendor import Call

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 20
MAX_DELIVERY = 200


def decoded(call: Call) -> Any:
    """Return the call's content. Raises ``InvalidInput``."""
    is_form = call.header("content-type").lower().startswith(FORM)
    return json_of(_payload(call.body) if is_form else call.body)


def _payload(body: bytes) -> str:
    try:
        return parse_qs(body.decode("utf-8"), max_num_fields=MAX_FIELDS, strict_parsing=True)["payload"][0]
    except (ValueError, KeyError):
        raise InvalidInput("the webhook's form has no field `payload` with JSON", code="webhook_body") from None


def json_of(text: str | bytes) -> Any:
    """Return the content of ``text``, however deep it is nested. Raises ``InvalidInput``."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput("the webhook's body is no JSON", code="webhook_body") from None


def at(content: Any, path: str) -> Any:
    """Return what is at the dotted ``path``, None where there is nothing."""
    for key in path.split("."):
        content = content.get(key) if isinstance(content, dict) else None
    return content


def text(content: Any, *paths: str) -> str:
    """Return the first text that is at one of ``paths``, else an empty one."""
    found = (at(content, path) for path in paths)
    return next((one for one in found if isinstance(one, str) and one), "")


def rows(content: Any) -> list[Any]:
    """Return the list's members, or none."""
    return content if isinstance(content, list) else []


def delivery_name(*parts: str) -> str:
    """Return one name of at most ``MAX_DELIVERY`` plain characters for ``parts``; an empty text if any of them is."""
    if not parts or not all(parts):
        return ""
    if len(parts) == 1 and len(parts[0]) <= MAX_DELIVERY and parts[0].isascii() and parts[0].isprintable():
        return parts[0]
    return "sha256:" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()
