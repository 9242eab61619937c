"""YAML as Kubernetes and Helm read it (sigs.k8s.io/yaml): ``1:30`` and dates are text, ``y`` is true, ``1e3`` is a number.

PyYAML's own resolvers differ and would change values. The C loader is ten times faster; both know marks.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_RESOLVERS = (
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
    (
        "tag:yaml.org,2002:bool",
        r"^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$",
        "yYtToOnNfF",
    ),
    (
        "tag:yaml.org,2002:int",
        r"^[-+]?(?:0x[0-9a-fA-F_]+|0b[01_]+|0o?[0-7_]+|[1-9][0-9_]*|0)$",
        "-+0123456789",
    ),
    (
        "tag:yaml.org,2002:float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:merge", r"^<<$", "<"),
)


def _with_kubernetes_resolvers(base: Any) -> Any:
    loader: Any = type(f"Kubernetes{base.__name__}", (base,), {"yaml_implicit_resolvers": {}})
    for tag, pattern, first in _RESOLVERS:
        letters = ["" if letter == "\0" else letter for letter in first]
        loader.add_implicit_resolver(tag, re.compile(pattern), letters)
    return loader


def _construct_bool(loader: Any, node: Any) -> bool:
    return str(loader.construct_scalar(node)).lower() in {"y", "yes", "true", "on"}


Loader: Any = _with_kubernetes_resolvers(_Base)
Loader.add_constructor("tag:yaml.org,2002:bool", _construct_bool)


def documents(text: str) -> Iterator[Any]:
    """Yield every document of ``text`` that is not empty. Raises ``ValueError`` with line and column."""
    try:
        for document in yaml.load_all(text, Loader=Loader):
            if document is not None:
                yield document
    except yaml.YAMLError as error:
        raise ValueError(f"the rendered manifest is no YAML: {error}") from error


def documents_with_nodes(text: str) -> Iterator[tuple[Any, Any]]:
    """Yield every document as its node tree with marks and as its value (None: empty). Raises ``ValueError``."""
    loader = Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            yield node, loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ValueError(f"the rendered manifest is no YAML: {error}") from error
    finally:
        loader.dispose()


def nodes(text: str) -> Iterator[Any]:
    """Yield every document as a node tree with marks (positions in ``text``). Raises ``ValueError``."""
    try:
        yield from yaml.compose_all(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise ValueError(f"the rendered manifest is no YAML: {error}") from error
