"""Runs the verb `track` beside a study, in a process that cannot delay or disturb it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from study.orchestration.options import Options
from study.system.child_process import ENDS_WITH_INPUT, verb_command
from study.system.terminal import CALLED

#: Most seconds that the process gets at the end of a study for the last runs and the report.
GRACE = 5.0
#: MLflow's own variable. The address travels in it, because everybody can read the arguments of a process.
MLFLOW_URI = "MLFLOW_TRACKING_URI"
_ADVICE = f"`{CALLED} track` with the same flags adds what is missing"


@contextmanager
def tracked(options: Options, say: Callable[[str], None], left: Callable[[], float]) -> Iterator[None]:
    """Shows the study in the programs that its options name, as long as the context lasts.

    Args:
        options: of the study; if they name no program, nothing is started.
        say: prints a line; it is called from another thread too.
        left: returns the seconds that the study still has when the context ends.
    """

    def told(line: str) -> None:
        with suppress(OSError):  # the terminal was closed, or the disk of its output is full
            say(f"tracking: {line}")

    if not options.mlflow and options.tensorboard is None:
        yield
        return
    try:
        follower = _Follower(options, told)
    except OSError as error:
        told(f"not started: {error.strerror or error}; {_ADVICE}")
        yield
        return
    try:
        yield
    except Exception:
        follower.end(left)
        raise
    except BaseException:  # a second Ctrl-C
        follower.kill()
        raise
    follower.end(left)


class _Follower:
    """The process, and a thread that prints its lines."""

    def __init__(self, options: Options, say: Callable[[str], None]) -> None:
        """Starts the process.

        Raises:
            OSError: it cannot be started.
        """
        folders = f"--results-dir={options.results_dir}", f"--report-dir={options.report_dir}"
        command = verb_command("track", *folders)
        environment = {**os.environ, ENDS_WITH_INPUT: "1"}
        environment |= {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
        if options.mlflow:
            command.append("--mlflow=auto")
            environment[MLFLOW_URI] = options.mlflow
        if options.tensorboard is not None:
            command.append(f"--tensorboard={options.tensorboard}")
        self._say = say
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the study
        )
        self._reader = threading.Thread(target=self._pass_on, daemon=True)
        self._reader.start()

    def _pass_on(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._say(line.decode("utf-8", errors="replace").rstrip("\n"))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._close()

    def end(self, left: Callable[[], float]) -> None:
        """Lets the process add what the end of the study brought, and kills it when its time is over."""
        assert self._process.stdin is not None
        with suppress(OSError):  # the process may have ended already
            os.write(self._process.stdin.fileno(), b"\n")
        try:
            self._process.wait(max(0.0, min(GRACE, left())))
        except subprocess.TimeoutExpired:
            self.kill()
            self._say(f"it did not end in time; {_ADVICE}")
            return
        self._close()
        code = self._process.returncode
        if code < 0:
            self._say(f"it was ended by a signal ({signal.strsignal(-code)}); {_ADVICE}")
        elif code:
            self._say(f"it is not complete; {_ADVICE}")

    def _close(self) -> None:
        """Prints what the process has said before it ended, and closes the pipes."""
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
