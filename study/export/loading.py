"""Writes the part of a model card that says how a network is loaded; its Python code runs as it stands."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import get_type_hints

from torchvision.models import get_model_builder

from study.datasets import DatasetDescriptor
from study.explain.stored_champion import StoredChampion
from study.export.classifier import INPUT, OUTPUT
from study.export.formats import ONNX, TORCHSCRIPT
from study.models import network_class
from study.networks import NETWORKS, ModelName

#: Arguments of torchvision's classes that would add heads, or draw values that are replaced anyway.
_OFF = ("aux_logits", "init_weights")


def loading(champion: StoredChampion, files: Mapping[str, str]) -> Iterator[str]:
    """Yields the paragraphs and the code for each file.

    Args:
        champion: the network.
        files: names of the exported files by the name of their form.
    """
    data = champion.data
    if ONNX.name in files:
        yield "ONNX, by onnxruntime and without PyTorch:"
        yield _code(onnx_code(files[ONNX.name], data))
    if TORCHSCRIPT.name in files:
        yield "TorchScript, by PyTorch without torchvision (PyTorch calls this form deprecated):"
        yield _code(torchscript_code(files[TORCHSCRIPT.name], data))
    name = champion.path.name
    yield (
        f"The study's own file is `results/checkpoints/{name}`. Its state dict loads strictly into "
        "torchvision's class, which takes prepared pictures and gives logits:"
    )
    yield _code(torchvision_code(champion.model, champion.resolution, name, data))


def onnx_code(name: str, data: DatasetDescriptor) -> str:
    """Returns code that classifies a picture by onnxruntime."""
    return f"""\
import json

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession({_quoted(name)}, providers=["CPUExecutionProvider"])
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
{_picture(data)}
images = np.asarray(picture, dtype=np.uint8)[None]  # any number of pictures
(probabilities,) = session.run(["{OUTPUT}"], {{"{INPUT}": images}})
print(classes[probabilities[0].argmax()], probabilities[0].max())"""


def torchscript_code(name: str, data: DatasetDescriptor) -> str:
    """Returns code that classifies a picture by TorchScript."""
    return f"""\
import numpy as np
import torch
from PIL import Image

network = torch.jit.load({_quoted(name)}, map_location="cpu")
classes = {_classes(data)}
{_picture(data)}
images = torch.from_numpy(np.array(picture))[None]  # uint8, any number of pictures
with torch.inference_mode():
    probabilities = network(images)
print(classes[int(probabilities[0].argmax())], float(probabilities[0].max()))"""


def torchvision_code(model: ModelName, resolution: int, name: str, data: DatasetDescriptor) -> str:
    """Returns code that classifies a picture by torchvision's own class."""
    first = network_class(model).first_layer
    enlarge = (
        "x = nn.functional.pad(x, (2, 2, 2, 2), value=-1.0)"
        if resolution == data.side + 4
        else f'x = nn.functional.interpolate(x, size=({resolution}, {resolution}), mode="bilinear")'
    )
    one = (
        f"""
old = network.get_submodule("{first}")
grey = nn.Conv2d(1, old.out_channels, old.kernel_size, old.stride, old.padding, bias=old.bias is not None)
network.set_submodule("{first}", grey)"""
        if data.channels == 1
        else ""
    )
    planes = "[None, None]" if data.channels == 1 else ".permute(2, 0, 1)[None]"
    return f"""\
import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.models import {NETWORKS[model].builder}

network = {_call(model, data)}{one}
network.load_state_dict(torch.load({_quoted(name)}, weights_only=True)["state"], strict=True)
network.eval()
classes = {_classes(data)}
{_picture(data)}
x = torch.from_numpy(np.array(picture)){planes}.float() / 127.5 - 1
{enlarge}
with torch.inference_mode():
    probabilities = network(x).softmax(1)
print(classes[int(probabilities[0].argmax())], float(probabilities[0].max()))"""


def preparation(resolution: int, data: DatasetDescriptor) -> Iterator[str]:
    """Yields what a picture goes through before the network sees it."""
    enlarged = (
        "two black pixels (−1) are added on each side"
        if resolution == data.side + 4
        else "it is enlarged by bilinear interpolation"
    )
    kind = "in grey" if data.channels == 1 else "in colour"
    shape = ", ".join(map(str, data.shape))
    yield (
        f"Exported files take pictures {kind} as bytes, uint8 `[N, {shape}]` with any N, and give class "
        f"probabilities, float32 `[N, {len(data.classes)}]`, in the order of the labels. The preparation "
        f"is inside: a value g of 0 to 255 becomes g/127.5 − 1, and {enlarged}, which makes "
        f"{resolution}×{resolution}."
    )


def _picture(data: DatasetDescriptor) -> str:
    size = f"{data.side}×{data.side} pixels{', light on black' if data.on_black else ''}"
    mode = "L" if data.channels == 1 else "RGB"
    return f'picture = Image.open("picture.png").convert("{mode}")  # {size}'


def _call(model: ModelName, data: DatasetDescriptor) -> str:
    """Returns the call of torchvision's function that builds the network."""
    builder = NETWORKS[model].builder
    known = inspect.signature(get_type_hints(get_model_builder(builder))["return"]).parameters
    off = "".join(f", {name}=False" for name in _OFF if name in known)
    return f"{builder}(weights=None, num_classes={len(data.classes)}{off})"


def _classes(data: DatasetDescriptor) -> str:
    """Returns the class names as a list of Python, two lines long."""
    half = len(data.classes) // 2
    lines = (", ".join(map(_quoted, part)) for part in (data.classes[:half], data.classes[half:]))
    return "[\n    " + ",\n    ".join(lines) + ",\n]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _code(text: str) -> str:
    return f"```python\n{text}\n```"
