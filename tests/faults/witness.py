"""``witness.py LOG ARGUMENT…`` runs the command line and writes down what it opens, changes and fetches.

A process of its own, because an audit hook stays for life.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

_FETCHES = ("socket.connect", "socket.getaddrinfo", "socket.bind", "urllib.Request", "http.client.connect")
_RUNS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pty.spawn")
#: Events that change the file system, and which of their arguments are paths.
_CHANGES = {
    "os.rename": (0, 1),
    "os.remove": (0,),
    "os.mkdir": (0,),
    "os.rmdir": (0,),
    "os.link": (0, 1),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.chmod": (0,),
    "shutil.rmtree": (0,),
}


def main() -> int:
    seen: dict[str, list[str]] = {"read": [], "changed": [], "fetched": [], "run": []}

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes):
            path, mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or set(mode or "") & set("wax+")
            seen["changed" if writes else "read"].append(os.path.realpath(os.fsdecode(path)))
        elif event in _CHANGES:
            for place in _CHANGES[event]:
                if isinstance(arguments[place], str | bytes | os.PathLike):
                    seen["changed"].append(os.path.realpath(os.fsdecode(arguments[place])))
        elif event in _FETCHES and not str(arguments[0]).startswith("data:"):
            seen["fetched"].append(f"{event} {arguments!r}")
        elif event in _RUNS:
            seen["run"].append(os.path.basename(os.fsdecode(arguments[0])))

    from study.cli import main as run

    log = Path(sys.argv[1])
    sys.addaudithook(note)
    code = run(sys.argv[2:])
    done = {kind: sorted(set(found)) for kind, found in seen.items()}
    log.write_text(json.dumps(done), encoding="utf-8")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
