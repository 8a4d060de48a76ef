"""Provides real FashionMNIST images for every test: the whole set, and a small sample in this folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from shared import Shared, minute_command

from study.datasets import FASHION_MNIST
from study.system.openmp import sleep_soon

if TYPE_CHECKING:  # the process that only distributes the tests does not import PyTorch
    from study.data import LabelledImages, Part
    from study.training.run import Workshop

# PyTorch reads these variables when it is imported. `make test` runs a process of pytest on every core, so
# each computes with one thread, and so do the studies and reports that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
sleep_soon()
# Bytecode is written even if the environment forbids it, or each process that tests start would compile
# the project anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

SAMPLE = Path(__file__).parent / "data" / "sample"
SAMPLE_SIZES = {"train": 200, "t10k": 100}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps tests that share a fixture of their module in one process, which makes it once.

    The group "time" begins first, because it takes longer in one process than anything else. Other tests of
    the study of a minute, which it makes, come last and find it made.
    """
    for item in items:
        fixtures = getattr(item, "_fixtureinfo").name2fixturedefs.values()  # noqa: B009
        if item.get_closest_marker("xdist_group") is None and any(
            known.scope == "module" for found in fixtures for known in found
        ):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    timed = pytest.mark.xdist_group("time").mark

    def order(item: pytest.Item) -> int:
        in_group = item.get_closest_marker("xdist_group") == timed
        return 0 if in_group else 1 + ("minute" in getattr(item, "fixturenames"))  # noqa: B009

    items.sort(key=order)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """Returns the store of what all processes of pytest share, see `Shared.folder`."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    root.mkdir(exist_ok=True)
    return Shared(root=root)


@pytest.fixture(scope="session")
def minute(shared: Shared) -> Path:
    """A folder with results and report of a study of a minute."""

    def make(folder: Path) -> None:
        command = [*minute_command(folder), "--budget", "60s"]
        subprocess.run(command, capture_output=True, timeout=240, check=True)

    return shared.folder("minute", make)


@pytest.fixture
def own_sets_forgotten() -> Iterator[None]:
    """Makes the own data sets of a test unknown to all others."""
    from study.datasets import DATASETS

    known = dict(DATASETS)
    yield
    DATASETS.clear()
    DATASETS.update(known)


@pytest.fixture(autouse=True)
def usual_floats() -> Iterator[None]:
    """Ends the flushing of denormals after each test; a study enables it for the whole process."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def fashion() -> LabelledImages:
    """Returns the whole set from Debian's package, which `make test` installs."""
    from study.data import load

    return load(FASHION_MNIST, offline=True)


@pytest.fixture(scope="session")
def sample() -> dict[str, Part]:
    """Returns the parts ``train`` (200 images) and ``t10k`` (100) of the sample in this folder."""
    from study.data import Part
    from study.data.idx import read_idx

    parts = {}
    for prefix, count in SAMPLE_SIZES.items():
        images = SAMPLE / f"{prefix}-images-idx3-ubyte.gz"
        labels = SAMPLE / f"{prefix}-labels-idx1-ubyte.gz"
        with images.open("rb") as pixels, labels.open("rb") as classes:
            parts[prefix] = Part(
                images=read_idx(pixels, images.name, count, 3, FASHION_MNIST),
                labels=read_idx(classes, labels.name, count, 1, FASHION_MNIST),
                name=images.name,
            )
    return parts


@pytest.fixture(scope="session")
def few(sample: dict[str, Part]) -> LabelledImages:
    """Returns the sample as a data set: 200 training and 100 test images."""
    import torch

    from study.data import LabelledImages

    train, test = (
        (torch.from_numpy(part.images.copy()), torch.from_numpy(part.labels.copy()).long())
        for part in (sample["train"], sample["t10k"])
    )
    return LabelledImages(
        train_images=train[0],
        train_labels=train[1],
        test_images=test[0],
        test_labels=test[1],
        source="sample",
        sha256="",
        data=FASHION_MNIST,
    )


@pytest.fixture
def small(few: LabelledImages, tmp_path: Path) -> Workshop:
    """Returns a workshop over the sample: 150 training, 50 validation and 100 test images."""
    from study.data import Split, split
    from study.training.run import Workshop
    from study.training.runtime import detect

    class Small(Workshop):
        """Splits off 50 images for validation; the usual 6,000 are more than the sample has."""

        def split_of(self, seed: int) -> Split:
            return split(self.images.train_labels, seed=seed, validation=50)

    return Small(images=few, runtime=detect("cpu", "fp32"), weights={}, folder=tmp_path / "results")


@pytest.fixture
def slow_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yields the address of a server that announces 500 MB, sends 1,000 bytes, and then stalls."""
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "500000000")
            self.end_headers()
            self.wfile.write(bytes(1_000))
            over.wait(30)

        def log_message(self, format: str, *args: object) -> None:
            pass

    monkeypatch.setenv("no_proxy", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    over.set()
    server.shutdown()
    server.server_close()
