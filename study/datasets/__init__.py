"""The data sets that can be studied: one file for each, found by its presence, and people's own.

`DATASETS` has FashionMNIST, the data set of the laboratory work, first and the others by name. An own data
set is in it after `register` or `know_own`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from study.datasets import fashion_mnist
from study.datasets.descriptor import DatasetDescriptor, DatasetName, Files
from study.datasets.own import FOLDER, is_own, read_own
from study.errors import UsageError

__all__ = [
    "DATASETS",
    "DEFAULT",
    "FASHION_MNIST",
    "DatasetDescriptor",
    "DatasetName",
    "Files",
    "dataset_name",
    "forget_own",
    "is_own",
    "know_own",
    "register",
    "studied",
]

FASHION_MNIST = fashion_mnist.DESCRIPTOR
#: The data set of the laboratory work, which is studied unless another is asked for, and which a study has
#: whose settings do not name one.
DEFAULT: DatasetName = FASHION_MNIST.name


def _found() -> dict[DatasetName, DatasetDescriptor]:
    names = sorted({found.name for found in iter_modules(__path__)} - {"descriptor", "own"})
    descriptors = [import_module(f"{__name__}.{name}").DESCRIPTOR for name in names]
    known = {descriptor.name: descriptor for descriptor in descriptors}
    return {name: known[name] for name in (DEFAULT, *known)}


DATASETS: dict[DatasetName, DatasetDescriptor] = _found()


def dataset_name(text: str) -> DatasetName:
    """Returns the name of a known data set.

    Raises:
        UsageError: no data set has this name.
    """
    if text not in DATASETS and is_own(text):
        raise UsageError(
            f"the data set {text[:40]!r} does not lie in the folder {FOLDER} of the results; give --data "
            "as before"
        )
    if text not in DATASETS:
        raise UsageError(f"{text[:40]!r} is no data set; known are {', '.join(DATASETS)}")
    return DatasetName(text)


def register(data: DatasetDescriptor) -> None:
    """Makes an own data set known to this process; another one stays as it is."""
    if is_own(data.name):
        DATASETS[data.name] = data


def know_own(results_dir: Path) -> None:
    """Makes the own data set of a results directory known to this process, if it has one.

    Raises:
        StoreError: its descriptor is damaged.
    """
    own = read_own(results_dir)
    if own is not None:
        register(own)


def forget_own() -> None:
    """Makes all own data sets unknown, so that results without pictures cannot borrow another folder's."""
    for name in [name for name in DATASETS if is_own(name)]:
        del DATASETS[name]


def studied(environment: Mapping[str, Any], results_dir: Path) -> DatasetDescriptor:
    """Returns the data set of a study by its environment.json; an older one has the default data set.

    Raises:
        UsageError: the study's data set is not known here.
        StoreError: the descriptor of an own data set is damaged.
    """
    know_own(results_dir)
    name = (environment.get("dataset") or {}).get("name") or DEFAULT
    return DATASETS[dataset_name(str(name))]
