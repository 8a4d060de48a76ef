"""Real FashionMNIST for every test: the whole installed set, and a small sample that ships."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import pytest
from shared import Shared

from study.system.openmp import sleep_soon

if TYPE_CHECKING:  # the process that only hands out the tests does without PyTorch
    from study.data import FashionMNIST
    from study.data.readers import Part
    from study.training.run import Workshop

# Before PyTorch reads them. `make test` has a process of pytest on every core, so each computes with one
# thread, and so do the studies and reports that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
sleep_soon()
# The many processes that tests start compile the project once, also where the environment forbids it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

SAMPLE = Path(__file__).parent / "data" / "sample"
SAMPLE_SIZES = {"train": 200, "t10k": 100}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a fixture of their module stay in one process, which makes it once.

    The group "time" begins first: nothing else takes so long in one process.
    """
    for item in items:
        fixtures = getattr(item, "_fixtureinfo").name2fixturedefs.values()  # noqa: B009
        if item.get_closest_marker("xdist_group") is None and any(
            known.scope == "module" for found in fixtures for known in found
        ):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    timed = pytest.mark.xdist_group("time").mark
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") != timed)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """What is made once for all processes of pytest: ``shared.folder(name, make)``."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    root.mkdir(exist_ok=True)
    return Shared(root=root)


@pytest.fixture(autouse=True)
def usual_floats() -> Iterator[None]:
    """A study flushes denormals in the whole process; the next test gets them back."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def fashion() -> FashionMNIST:
    """The whole set from Debian's package, which `make test` installs."""
    from study.data import load

    return load(offline=True)


@pytest.fixture(scope="session")
def sample() -> dict[str, Part]:
    """``train`` (200 objects) and ``t10k`` (100): real images without the installed package."""
    from study.data.idx import read_idx
    from study.data.readers import Part

    parts = {}
    for prefix, count in SAMPLE_SIZES.items():
        images = SAMPLE / f"{prefix}-images-idx3-ubyte.gz"
        labels = SAMPLE / f"{prefix}-labels-idx1-ubyte.gz"
        with images.open("rb") as pixels, labels.open("rb") as classes:
            parts[prefix] = Part(
                images=read_idx(pixels, images.name, count, 3),
                labels=read_idx(classes, labels.name, count, 1),
                name=images.name,
            )
    return parts


@pytest.fixture(scope="session")
def few(sample: dict[str, Part]) -> FashionMNIST:
    """The sample as a data set: 200 training and 100 test images."""
    import torch

    from study.data import FashionMNIST

    train, test = (
        (torch.from_numpy(part.images.copy()), torch.from_numpy(part.labels.copy()).long())
        for part in (sample["train"], sample["t10k"])
    )
    return FashionMNIST(
        train_images=train[0],
        train_labels=train[1],
        test_images=test[0],
        test_labels=test[1],
        source="sample",
        sha256="",
    )


@pytest.fixture
def small(few: FashionMNIST, tmp_path: Path) -> Workshop:
    """A workshop over the sample: 150 training, 50 validation and 100 test images."""
    from study.data import Split, split
    from study.training.run import Workshop
    from study.training.runtime import detect

    class Small(Workshop):
        """A split of 6,000 images would leave none of the sample to train on."""

        def split_of(self, seed: int) -> Split:
            return split(self.fashion.train_labels, seed=seed, validation=50)

    return Small(fashion=few, runtime=detect("cpu", "fp32"), weights={}, folder=tmp_path / "results")


@pytest.fixture
def slow_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that promises much, sends a thousand bytes and then nothing more."""
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
