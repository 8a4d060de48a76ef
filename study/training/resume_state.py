"""Stores the exact state of a training between two steps and restores it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeAlias

import torch
from torch import nn

from study.records import EvaluationPoint
from study.training.checkpoint import CHEAP, Checkpoints
from study.training.loop import Trainer
from study.training.runtime import reset_peak_memory

#: Receives (kind, detail) of events for the report.
Tell: TypeAlias = Callable[[str, str], None]


class ResumeState:
    """Writes and reads the checkpoints of a trunk, or of a copy that cools down.

    A checkpoint holds everything that the rest of the training needs beside its spec: the network, the
    optimizer, the position, and the losses since the last point of the curve. The order of data, the
    augmentation, dropout and the rate follow from seed and position. On a CPU with the same number of
    threads, a resumed training ends with the same weights as an unbroken one, bit for bit.

    Only runs that train stages of the network have checkpoints. A run that trains the output layer alone
    takes seconds and is repeated from its start, with the same result.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        network: nn.Module,
        trainer: Trainer,
        *,
        rung: int,
        device: torch.device,
        tell: Tell,
    ) -> None:
        """Creates the state.

        Args:
            rung: the present rung; seconds that belong to earlier rungs are not counted again.
            tell: receives the events ``run_resumed``, ``checkpoint_unusable`` and ``checkpoint_failed``.
        """
        self._checkpoints, self._network, self._trainer = checkpoints, network, trainer
        self._rung, self._device, self._tell = rung, device, tell
        self._kept = -1
        self._next = time.monotonic() + checkpoints.every

    def take_up(self, at_most: int) -> bool:
        """Restores the newest usable checkpoint with at most `at_most` samples, if there is one."""
        state, unusable = self._checkpoints.load(at_most)
        for text in unusable:
            self._tell("checkpoint_unusable", text)
        if state is None:
            return False
        self._restore(state)
        if state["rung"] == self._rung:
            reached = f"after {self._trainer.progress.samples_seen} samples"
            self._tell("run_resumed", f"{self._checkpoints.run_id}: taken up {reached}")
        del state
        reset_peak_memory(self._device)  # without the time of loading
        self._next = time.monotonic() + self._checkpoints.every
        return True

    def between_steps(self) -> None:
        """Writes a checkpoint if it is due."""
        if time.monotonic() >= self._next:
            self.keep()

    def keep(self) -> None:
        """Writes a checkpoint unless the position is unchanged; a full disk does not end the run."""
        position = self._trainer.progress.samples_seen
        if position in (0, self._kept):
            return
        began = time.monotonic()
        try:
            self._checkpoints.save(position, self._state())
            self._kept = position
        except Exception as error:  # torch raises its own errors for a full disk
            told = f"{self._checkpoints.run_id}: no checkpoint was written ({type(error).__name__})"
            self._tell("checkpoint_failed", told)
        now = time.monotonic()
        self._next = now + self._checkpoints.every * max(1.0, (now - began) / CHEAP)

    def _state(self) -> dict[str, Any]:
        progress, losses = self._trainer.progress, self._trainer.losses
        return {
            "rung": self._rung,
            "samples_seen": progress.samples_seen,
            "seconds": progress.seconds,
            "accounted": progress.accounted,
            "judging": progress.judging,
            "wall": progress.wall(),
            "history": [asdict(point) for point in progress.history],
            "losses": torch.stack(losses).cpu() if losses else torch.empty(0),
            "network": dict(self._network.state_dict()),
            "optimizer": self._trainer.optimizer.state_dict(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        trainer, progress = self._trainer, self._trainer.progress
        self._network.load_state_dict(state["network"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        trainer.losses[:] = state["losses"].to(self._device).unbind()
        progress.history[:] = [EvaluationPoint(**point) for point in state["history"]]
        progress.samples_seen, progress.seconds = state["samples_seen"], state["seconds"]
        if state["rung"] == self._rung:
            progress.earlier, progress.judging = state["wall"], state["judging"]
            progress.accounted = state["accounted"]
        else:
            progress.accounted = state["seconds"]
        self._kept = progress.samples_seen
