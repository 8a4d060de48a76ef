"""The doctor names what is missing with its remedy, quickly and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from study.doctor import checks, lines


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


def test_torch_is_not_imported() -> None:
    code = "import sys, study.doctor as d; d.checks(); raise SystemExit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_packages_of_the_witness_are_looked_for() -> None:
    from study.pretraining.witness import PACKAGES

    found = {check.name: check for check in checks()}["ImageNet witness"]
    assert found.ok and all(name in found.detail for name in PACKAGES)
