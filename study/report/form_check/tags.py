"""The tags of a finished PDF: what a screen reader is told, and which characters belong to what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from playa.pdftypes import resolve1
from playa.utils import decode_text


@dataclass(frozen=True, kw_only=True)
class Tag:
    """One element of the structure tree.

    kind is a standard type such as `Table`; page counts from 1; alt is what is read for a picture;
    name is what the cells of a table call this head, scope what it stands over (`Row`, `Column`);
    heads are the heads of this cell; content
    holds numbers of marked pieces of the page and the elements inside, in order of reading.
    """

    kind: str
    page: int | None
    alt: str
    name: str
    scope: str
    heads: tuple[str, ...]
    content: tuple[int | Tag, ...]

    def find(self, *kinds: str) -> Iterator[Tag]:
        """Elements of these kinds inside this one, depth first."""
        for inner in self.content:
            if isinstance(inner, Tag):
                if inner.kind in kinds:
                    yield inner
                yield from inner.find(*kinds)

    def pieces(self) -> Iterator[tuple[int, int]]:
        """(page, number) of the marked pieces inside."""
        for inner in self.content:
            if isinstance(inner, Tag):
                yield from inner.pieces()
            elif self.page is not None:
                yield self.page, inner


def read_tags(catalogue: Mapping[str, Any], pages: Mapping[Any, int]) -> Tag | None:
    """The structure tree.

    Args:
        catalogue: of the document.
        pages: object id → number of the page.
    """
    root: Any = resolve1(catalogue.get("StructTreeRoot"))
    return None if not root else _tag(root, None, pages)


def _tag(element: Mapping[str, Any], page: int | None, pages: Mapping[Any, int]) -> Tag:
    own = pages.get(getattr(element.get("Pg"), "objid", -1), page)
    inside: Any = resolve1(element.get("K"))
    content: list[int | Tag] = []
    for reference in inside if isinstance(inside, list) else [inside]:
        inner: Any = resolve1(reference)
        if isinstance(inner, int):
            content.append(inner)
        elif isinstance(inner, dict) and "MCID" in inner:
            content.append(int(inner["MCID"]))
        elif isinstance(inner, dict) and "S" in inner:
            content.append(_tag(inner, own, pages))
    attributes: Any = resolve1(element.get("A"))
    heads: Any = resolve1(attributes.get("Headers")) if isinstance(attributes, dict) else None
    return Tag(
        kind=_text(element.get("S")),
        page=own,
        alt=_text(element.get("Alt")),
        name=_text(element.get("ID")),
        scope=_text(attributes.get("Scope")) if isinstance(attributes, dict) else "",
        heads=tuple(_text(head) for head in heads or ()),
        content=tuple(content),
    )


def _text(value: Any) -> str:
    """A name or a string of the PDF."""
    found: Any = resolve1(value)
    found = getattr(found, "name", found)
    if isinstance(found, bytes):
        return decode_text(found)
    return found if isinstance(found, str) else ""
