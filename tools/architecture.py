"""Draws the packages and their imports into docs/architecture.md: `python -m tools.architecture`.

The picture shows the packages of `study` and the imports between them. An arrow that follows from other
arrows is left out (transitive reduction), so that the layers can be seen.
"""

from __future__ import annotations

from pathlib import Path

import grimp

from benchmarks.page import replace_block

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
#: Modules at the top of the package that are drawn as one node; all other packages import them.
BASICS = ("matrix", "records", "spec", "networks", "datasets", "budget", "errors", "field_types", "flags")
NAMES = {"basics": ", ".join(BASICS)}


def edges() -> set[tuple[str, str]]:
    """Returns pairs (importing package, imported package) inside `study`."""
    graph = grimp.build_graph("study")
    found = set()
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            pair = _package(importer), _package(imported)
            if pair[0] != pair[1] and "" not in pair:
                found.add(pair)
    return found


def reduced(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Returns the pairs that do not follow from others; the graph must have no cycles."""
    below: dict[str, set[str]] = {}

    def reach(name: str) -> set[str]:
        if name not in below:
            below[name] = set()
            for first, second in pairs:
                if first == name:
                    below[name] |= {second} | reach(second)
        return below[name]

    direct: dict[str, set[str]] = {}
    for first, second in pairs:
        direct.setdefault(first, set()).add(second)
    return {
        (first, second)
        for first, second in pairs
        if not any(second in reach(other) for other in direct[first] - {second})
    }


def mermaid() -> str:
    """Returns the picture as a Mermaid flowchart."""
    pairs = sorted(reduced(edges()))
    nodes = sorted({name for pair in pairs for name in pair})
    lines = ["```mermaid", "flowchart TD"]
    lines += [f'  {name}["{NAMES.get(name, name)}"]' for name in nodes]
    lines += [f"  {first} --> {second}" for first, second in pairs]
    return "\n".join([*lines, "```"])


def _package(module: str) -> str:
    """Returns the node that a module belongs to; "" for the package `study` itself."""
    parts = module.split(".")
    if len(parts) == 1 or parts[1] == "__main__":
        return ""
    return "basics" if parts[1] in BASICS else parts[1]


if __name__ == "__main__":
    replace_block(PAGE, "packages", mermaid())
