"""The doctor names what is missing with its remedy, quickly and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from study.doctor import LEAST_DISK_GB, checks, lines
from study.models import build
from study.networks import DEFAULT


def test_every_failed_check_has_a_remedy() -> None:
    found = checks()
    assert all(check.remedy for check in found if not check.ok)
    assert not any(check.remedy for check in found if check.ok)
    assert len(lines(found)) == len(found)


def test_an_empty_data_folder_and_missing_weights_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = {check.name: check for check in checks(data_dir=tmp_path)}
    assert not found["FashionMNIST"].ok
    assert not found["ImageNet weights of vgg11"].ok
    (tmp_path / "vgg11-8a719046.pth").touch()
    (tmp_path / "archive.zip").touch()
    found = {c.name: c for c in checks(data_dir=tmp_path, weights_dir=tmp_path)}
    assert found["FashionMNIST"].ok and found["ImageNet weights of vgg11"].ok


@pytest.mark.parametrize(("name", "ok"), [("archive (1).zip", True), ("holiday.zip", False)])
def test_an_archive_is_found_as_a_study_finds_it(name: str, ok: bool, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    for place, found in ((tmp_path, ok), (tmp_path / name, True)):
        assert {check.name: check.ok for check in checks(data_dir=place)}["FashionMNIST"] is found


def test_the_disk_asked_for_holds_what_a_study_keeps() -> None:
    """Best networks whole, explained ones as trained, and three checkpoints with AdamW's two averages."""
    kept, at_work = 0, 0
    for model in DEFAULT:
        network = build(model, weights=None, resolution=32, fold=True, seed=0)
        whole = 4 * network.original_parameters
        folded = 4 * sum(parameter.numel() for parameter in network.parameters())
        kept += 2 * whole + 2 * folded
        at_work = max(at_work, 3 * 3 * folded + whole)
    assert 1.05 * (kept + at_work) < LEAST_DISK_GB * 1e9


def test_torch_is_not_imported() -> None:
    code = "import sys, study.doctor as d; d.checks(); raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_packages_of_the_witness_are_looked_for() -> None:
    from study.pretraining.imagenet_witness import PACKAGES

    found = {check.name: check for check in checks()}["ImageNet witness"]
    assert found.ok and all(name in found.detail for name in PACKAGES)
