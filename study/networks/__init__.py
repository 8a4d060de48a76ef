"""The networks that can be studied: one file for each, found by its presence; PyTorch is not imported.

`NETWORKS` has the two networks of the laboratory work first and the others by name. A study has the order
of `NETWORKS`, whatever the order on the command line.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules

from study.errors import UsageError
from study.networks import googlenet, vgg11
from study.networks.descriptor import Layers, ModelName, NetworkDescriptor

__all__ = [
    "DEFAULT",
    "GOOGLENET",
    "NETWORKS",
    "VGG11",
    "Layers",
    "ModelName",
    "NetworkDescriptor",
    "compared",
    "network_name",
]

VGG11, GOOGLENET = vgg11.DESCRIPTOR.name, googlenet.DESCRIPTOR.name
#: The networks of the laboratory work, which a study compares unless others are asked for.
DEFAULT: tuple[ModelName, ...] = (VGG11, GOOGLENET)


def _found() -> dict[ModelName, NetworkDescriptor]:
    names = sorted(found.name for found in iter_modules(__path__) if found.name != "descriptor")
    descriptors = [import_module(f"{__name__}.{name}").DESCRIPTOR for name in names]
    known = {descriptor.name: descriptor for descriptor in descriptors}
    return {name: known[name] for name in (*DEFAULT, *known)}


NETWORKS: dict[ModelName, NetworkDescriptor] = _found()


def network_name(text: str) -> ModelName:
    """Returns the name of a known network.

    Raises:
        UsageError: no network has this name.
    """
    if text not in NETWORKS:
        raise UsageError(f"{text[:40]!r} is no network; known are {', '.join(NETWORKS)}")
    return ModelName(text)


def compared(studied: Iterable[str]) -> tuple[ModelName, ...]:
    """Returns the networks that the contrasts of a study are about, in the order of `NETWORKS`.

    A study of one network of the laboratory work, or without runs yet, has the rows of both.
    """
    known = set(studied)
    return tuple(model for model in NETWORKS if model in known) if known - set(DEFAULT) else DEFAULT
