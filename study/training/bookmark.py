"""Where a run stands between two steps: kept in its checkpoints, and taken up from them exactly."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from study.records import EvaluationPoint
from study.training.checkpoint import CHEAP, Checkpoints
from study.training.progress import Progress
from study.training.runtime import reset_peak_memory

#: Told (kind, detail) of what the reader of a report must know.
Tell: TypeAlias = Callable[[str, str], None]


class Bookmark:
    """All that the rest of a run depends on and its spec does not say.

    That is the network, the optimizer, the random states, the progress, and the losses since the last
    evaluation point; the order of data and the rate follow from the samples seen. On a CPU with the
    same number of threads a run that was taken up ends with the weights of an unbroken one, bit for bit.

    Only runs that train stages of the network have one. A run that trains the output layer alone takes
    seconds; it is repeated from its beginning, with the same result.
    """

    def __init__(
        self, checkpoints: Checkpoints, network: nn.Module, progress: Progress,
        generators: dict[str, torch.Generator], device: torch.device, tell: Tell,
    ) -> None:  # fmt: skip
        """
        Args:
            generators: those that training draws from, by a name.
            tell: hears of checkpoints taken up (``run_resumed``), not usable
                (``checkpoint_unusable``) and not written (``checkpoint_failed``).
        """
        self._checkpoints, self._network, self._progress = checkpoints, network, progress
        self._generators, self._device, self._tell = generators, device, tell
        self._optimizer: torch.optim.Optimizer | None = None
        self._losses: list[Tensor] = []
        self._random: dict[str, Tensor] = {}
        self._kept = (0, 0)
        self._next = 0.0

    def begin(self, optimizer: torch.optim.Optimizer, losses: list[Tensor]) -> None:
        """Watch a run over this optimizer; what a usable checkpoint holds is put into its parts.

        Args:
            losses: scalars since the last evaluation point; filled here, and by the loop.
        """
        self._optimizer, self._losses = optimizer, losses
        state, unusable = self._checkpoints.load()
        for text in unusable:
            self._tell("checkpoint_unusable", text)
        if state is not None:
            self._restore(state, optimizer)
            reached = f"after {self._progress.samples_seen} samples"
            self._tell("run_resumed", f"{self._checkpoints.run_id}: taken up {reached}")
        del state
        reset_peak_memory(self._device)  # of the run, not of its loading
        self._next = time.monotonic() + self._checkpoints.every

    def between_steps(self) -> None:
        """Note the random states, which evaluation moves; write a checkpoint if it is time."""
        self._random = {name: generator.get_state() for name, generator in self._generators.items()}
        if time.monotonic() >= self._next:
            self.keep()

    def keep(self) -> None:
        """Write a checkpoint, unless the last one says the same; a full disk does not end the run."""
        progress = self._progress
        position = (progress.samples_seen, len(progress.history))
        if self._optimizer is None or position == self._kept:
            return
        began = time.monotonic()
        try:
            self._checkpoints.save(progress.samples_seen, self._state(self._optimizer))
            self._kept = position
        except Exception as error:  # torch has names of its own for what a disk refuses
            told = f"{self._checkpoints.run_id}: no checkpoint was written ({type(error).__name__})"
            self._tell("checkpoint_failed", told)
        now = time.monotonic()
        self._next = now + self._checkpoints.every * max(1.0, (now - began) / CHEAP)

    def _state(self, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        progress = self._progress
        return {
            "samples_seen": progress.samples_seen,
            "seconds": progress.seconds,
            "wall": progress.wall(),
            "history": [asdict(point) for point in progress.history],
            "losses": torch.stack(self._losses).cpu() if self._losses else torch.empty(0),
            "network": dict(self._network.state_dict()),
            "optimizer": optimizer.state_dict(),
            "random": self._random,
        }

    def _restore(self, state: dict[str, Any], optimizer: torch.optim.Optimizer) -> None:
        progress = self._progress
        self._network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        for name, generator in self._generators.items():
            generator.set_state(state["random"][name])
        self._losses.extend(state["losses"].to(self._device).unbind())
        progress.history.extend(EvaluationPoint(**point) for point in state["history"])
        progress.samples_seen, progress.seconds = state["samples_seen"], state["seconds"]
        progress.earlier = state["wall"]
        self._kept = (progress.samples_seen, len(progress.history))
