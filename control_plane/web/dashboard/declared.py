"""An application's declaration as people wrote it: YAML. PURE."""

from typing import Any

import yaml


def declared_yaml(declaration: dict[str, Any]) -> str:
    """Return the declaration as YAML."""
    return yaml.safe_dump(declaration, sort_keys=False, allow_unicode=True, width=100)
