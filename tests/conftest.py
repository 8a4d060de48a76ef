"""Real FashionMNIST for every test: the whole installed set, and a small sample that ships."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from study.sharing import sleep_soon

sleep_soon()  # before PyTorch reads it

import torch  # noqa: E402

from study.data import FashionMNIST, load, split  # noqa: E402
from study.data.places import Part  # noqa: E402
from study.training.run import Workshop  # noqa: E402
from study.training.runtime import detect  # noqa: E402

SAMPLE = Path(__file__).parent / "data" / "sample"
SAMPLE_SIZES = {"train": 200, "t10k": 100}


@pytest.fixture(autouse=True)
def usual_floats() -> Iterator[None]:
    """A study flushes denormals in the whole process; the next test gets them back."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def fashion() -> FashionMNIST:
    """The whole set from Debian's package, which `make test` installs."""
    return load(offline=True)


@pytest.fixture(scope="session")
def sample() -> dict[str, Part]:
    """``train`` (200 objects) and ``t10k`` (100): real images without the installed package."""
    from study.data.idx import read_idx

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
def small(sample: dict[str, Part]) -> Workshop:
    """A workshop over the sample: 150 training, 50 validation and 100 test images."""
    train, test = (
        (torch.from_numpy(part.images), torch.from_numpy(part.labels).long())
        for part in (sample["train"], sample["t10k"])
    )
    fashion = FashionMNIST(
        train_images=train[0], train_labels=train[1], test_images=test[0], test_labels=test[1],
        source="sample", sha256="",
    )  # fmt: skip
    return Workshop(
        fashion=fashion, split=split(train[1], seed=0, validation=50),
        runtime=detect("cpu", "fp32"), weights={},
    )  # fmt: skip


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
