"""The data sets that can be studied: one file for each, found by its presence; nothing is read here.

`DATASETS` has FashionMNIST, the data set of the laboratory work, first and the others by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from study.datasets import fashion_mnist
from study.datasets.descriptor import DatasetDescriptor, DatasetName, Files
from study.errors import UsageError

__all__ = [
    "DATASETS",
    "DEFAULT",
    "FASHION_MNIST",
    "DatasetDescriptor",
    "DatasetName",
    "Files",
    "dataset_name",
    "studied",
]

FASHION_MNIST = fashion_mnist.DESCRIPTOR
#: The data set of the laboratory work, which is studied unless another is asked for, and which a study has
#: whose settings do not name one.
DEFAULT: DatasetName = FASHION_MNIST.name


def _found() -> dict[DatasetName, DatasetDescriptor]:
    names = sorted(found.name for found in iter_modules(__path__) if found.name != "descriptor")
    descriptors = [import_module(f"{__name__}.{name}").DESCRIPTOR for name in names]
    known = {descriptor.name: descriptor for descriptor in descriptors}
    return {name: known[name] for name in (DEFAULT, *known)}


DATASETS: dict[DatasetName, DatasetDescriptor] = _found()


def dataset_name(text: str) -> DatasetName:
    """Returns the name of a known data set.

    Raises:
        UsageError: no data set has this name.
    """
    if text not in DATASETS:
        raise UsageError(f"{text[:40]!r} is no data set; known are {', '.join(DATASETS)}")
    return DatasetName(text)


def studied(environment: Mapping[str, Any]) -> DatasetDescriptor:
    """Returns the data set of a study by its environment.json; an older one has the default data set.

    Raises:
        UsageError: the study's data set is not known here.
    """
    name = (environment.get("dataset") or {}).get("name") or DEFAULT
    return DATASETS[dataset_name(str(name))]
