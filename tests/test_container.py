"""The container installs what the Makefile installs, and copies what the command needs."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def test_the_container_has_the_packages_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = re.search(r"^PACKAGES := (.+)$", makefile, re.MULTILINE)
    steps = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    installed = re.search(r"apt-get install --yes --no-install-recommends +(.+?) *&&", steps)
    assert wanted is not None and installed is not None
    assert wanted[1].split() == installed[1].split()


def test_what_the_container_copies_is_there() -> None:
    steps = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", steps, re.MULTILINE) for name in line.split()]
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert "study" in copied and "requirements.txt" in copied
    for name in copied:
        assert (ROOT / name).exists() and name not in ignored and f"/{name}" not in ignored


def test_the_workflow_runs_what_ci_runs_on_every_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    wanted = re.findall(r"^make (\w+)", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
    run = [step["run"].split()[1] for step in job["steps"] if step.get("run", "").startswith("make ")]
    assert run == wanted
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={job["strategy"]["matrix"]["python"][0]}"' in project
