"""Declares the forms of an exported network: how each is written, and how it is read back."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import torch

from study.data import CLASS_NAMES
from study.errors import UsageError
from study.export.classifier import INPUT, OUTPUT, Classifier, example

#: Packages of the extra `export`.
ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

Pictures = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]
#: Returns class probabilities [N, 10] of pictures [N, 28, 28].
Answer = Callable[[Pictures], Probabilities]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A form of an exported network.

    Attributes:
        name: as people write it.
        flag: of the command line.
        ending: of the file.
        require: raises UsageError if packages are missing.
        write: writes a network to a stream.
        read: loads a file with the program for which it is meant.
    """

    name: str
    flag: str
    ending: str
    require: Callable[[], None]
    write: Callable[[Classifier, IO[bytes]], None]
    read: Callable[[Path], Answer]


def _require_onnx() -> None:
    missing = [name for name in ONNX_PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(f"--onnx needs {', '.join(missing)}: pip install {' '.join(missing)}")


def _write_onnx(classifier: Classifier, stream: IO[bytes]) -> None:
    with _quiet():
        program = torch.onnx.export(
            classifier,
            (example(),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={INPUT: {0: "batch"}},
            external_data=False,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    entry = model.metadata_props.add()
    entry.key, entry.value = "classes", json.dumps(CLASS_NAMES)
    stream.write(model.SerializeToString())


def _read_onnx(path: Path) -> Answer:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()  # otherwise it takes every core of the machine
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def answer(images: Pictures) -> Probabilities:
        (found,) = session.run([OUTPUT], {INPUT: images})
        return np.asarray(found)

    return answer


def _write_torchscript(classifier: Classifier, stream: IO[bytes]) -> None:
    with _quiet(), torch.no_grad():
        traced = torch.jit.trace(classifier, example(), check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, stream)


def _read_torchscript(path: Path) -> Answer:
    with _quiet():
        network = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]

    def answer(images: Pictures) -> Probabilities:
        with torch.inference_mode():
            found: Probabilities = network(torch.from_numpy(images)).numpy()
        return found

    return answer


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides warnings of exporters. PyTorch calls TorchScript deprecated, and docs/export.md says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


ONNX = Format(
    name="ONNX",
    flag="--onnx",
    ending=".onnx",
    require=_require_onnx,
    write=_write_onnx,
    read=_read_onnx,
)
TORCHSCRIPT = Format(
    name="TorchScript",
    flag="--torchscript",
    ending=".pt",
    require=lambda: None,
    write=_write_torchscript,
    read=_read_torchscript,
)
