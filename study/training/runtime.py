"""Chooses the device, precision and number of threads of a study."""

from __future__ import annotations

import math
import os
import platform
import resource
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from study.datasets import DatasetDescriptor
from study.errors import UsageError
from study.spec import Precision
from study.system.memory import keep_freed, memory_gb

#: Memory of a worker at 32×32 pixels in GB (10^9 bytes), and the share of all memory for workers.
WORKER_GB, MEMORY_SHARE = 2.0, 0.8
#: The images of FashionMNIST in GB.
_IMAGES_GB = 0.055
_TURNS = 6
#: Environment variable with the CUDA devices that a process may use.
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
_LINUX = sys.platform == "linux"


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where and how tensors are computed.

    Attributes:
        device: CPU or GPU.
        precision: float32, or bfloat16 by autocast with float32 weights.
        threads: number of threads of PyTorch.
        device_name: name of the processor or GPU.
    """

    device: torch.device
    precision: Precision
    threads: int
    device_name: str

    def autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is Precision.BF16)


def detect(device: str = "auto", precision: str = "auto") -> Runtime:
    """Chooses device, precision and threads, and enables flushing of denormals before threads start.

    The number of threads is the fastest of a few candidates, measured on a convolution; OMP_NUM_THREADS
    takes precedence. bf16 is chosen on CUDA devices that support it and on CPUs with AVX512-BF16 or AMX,
    where it doubled the training speed of VGG11 (docs/adr/0007-bf16.md); float32 elsewhere.

    Raises:
        UsageError: CUDA was requested but is not available.
    """
    torch.set_flush_denormal(True)
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: no CUDA device is available to this torch")
    chosen = torch.device("cuda" if device in ("auto", "cuda") and torch.cuda.is_available() else "cpu")
    if chosen.type == "cpu":
        torch.set_num_threads(_best_threads())
    if precision == "auto":
        kind = Precision.BF16 if _has_fast_bf16(chosen) else Precision.FP32
    else:
        kind = Precision(precision)
    name = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else processor()
    return Runtime(device=chosen, precision=kind, threads=torch.get_num_threads(), device_name=name)


def adopt(runtime: Runtime) -> None:
    """Configures the process for `runtime`; it must run before the first tensor is created."""
    keep_freed()
    torch.set_flush_denormal(True)
    torch.set_num_threads(runtime.threads)


def set_threads(threads: int) -> None:
    """Sets the number of threads of PyTorch."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def default_generator(device: torch.device) -> torch.Generator:
    """Returns the generator that dropout uses on the device."""
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        return torch.cuda.default_generators[index]
    return torch.default_generator


def synchronise(device: torch.device) -> None:
    """Waits until a CUDA device has finished; other devices compute synchronously."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def release(device: torch.device) -> None:
    """Releases cached memory of a CUDA device to other processes."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def cuda_missing(runtime: Runtime) -> bool:
    """Whether the CPU is used because no CUDA device is available."""
    return runtime.device.type == "cpu" and not torch.cuda.is_available()


def one_thread(runtime: Runtime) -> Runtime:
    """Returns the runtime of a run of the matrix: on a CPU one thread, so that results are reproducible."""
    return runtime if runtime.device.type == "cuda" else replace(runtime, threads=1)


def worker_gb(data: DatasetDescriptor) -> float:
    """Returns the memory of a worker in GB (10^9 bytes): more for images beyond those of FashionMNIST.

    Every worker reads the images itself; their digest takes two more copies, and a run one of its own.
    """
    images = (data.labelled_images + data.test_images) * data.pixels * data.channels / 1e9
    return WORKER_GB + 4 * max(0.0, images - _IMAGES_GB)


def usable_workers(runtime: Runtime, data: DatasetDescriptor, wanted: int = 0) -> int:
    """Returns the number of workers: the wanted one, or one for each usable core or CUDA device.

    Args:
        runtime: the device.
        data: the data set of the study, which every worker holds.
        wanted: number of workers; 0 chooses it.

    Raises:
        UsageError: the memory does not suffice for the wanted number.
    """
    if runtime.device.type == "cuda":
        return wanted or max(1, len(visible_gpus()))
    each = worker_gb(data)
    room = max(1, int(memory_gb() * MEMORY_SHARE / each))
    if wanted > room:
        raise UsageError(f"--workers {wanted}: the memory holds {room} workers of {each:.1f} GB each")
    return wanted or min(usable_cores(), room)


def visible_gpus() -> list[str]:
    """Returns the CUDA devices that this process may use, as values of CUDA_VISIBLE_DEVICES."""
    given = os.environ.get(VISIBLE_GPUS)
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    return [str(number) for number in range(torch.cuda.device_count())]


def champion_threads(runtime: Runtime, workers: int) -> int:
    """Returns the number of threads of the champion: the fastest one that `detect` has found."""
    return runtime.threads if runtime.device.type == "cpu" else 1


def usable_cores() -> int:
    """Returns the number of cores that the process may use by its affinity and control group."""
    own = len(os.sched_getaffinity(0)) if _LINUX else os.cpu_count() or 1
    return max(1, min(own, _cpu_quota()))


def _best_threads() -> int:
    given = torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ:
        return given
    most = usable_cores()
    candidates = sorted({1, max(1, most // 2), most})
    # The best of several alternating measurements, so that another process cannot decide the result.
    taken = dict.fromkeys(candidates, math.inf)
    for _ in range(_TURNS):
        for threads in candidates:
            taken[threads] = min(taken[threads], _convolution_seconds(threads))
    best = candidates[-1]
    for fewer in reversed(candidates[:-1]):
        if taken[fewer] < taken[best]:
            best = fewer
    return best


def _cpu_quota() -> int:
    """Returns the processors that the control group allows, rounded up; a large number without a limit."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):  # version 2, version 1
        try:
            quota, period = " ".join(
                Path("/sys/fs/cgroup", file).read_text().strip() for file in files
            ).split()
            if int(quota) > 0:
                return max(1, -(-int(quota) // int(period)))
        except (OSError, ValueError):
            continue
    return 1 << 16


@torch.inference_mode()
def _convolution_seconds(threads: int) -> float:
    torch.set_num_threads(threads)
    x, w = torch.zeros(32, 64, 16, 16), torch.zeros(128, 64, 3, 3)
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        torch.nn.functional.conv2d(x, w, padding=1)
        taken.append(time.perf_counter() - began)
    return min(taken)


def _has_fast_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def processor() -> str:
    """Returns the name of the CPU."""
    try:
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def reset_peak_memory(device: torch.device) -> None:
    """Resets the measurement of peak memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory_mb(device: torch.device) -> float:
    """Returns peak memory in MB (10^6 bytes): of the CUDA device, else resident memory of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
