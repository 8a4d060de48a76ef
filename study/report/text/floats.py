"""Places figures, tables, formulas and listings, with their captions; templates call it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from itertools import count

from markupsafe import Markup, escape

from study.report.figures.style import Drawing
from study.report.pdf.pagination import FLOAT_END, HOLDER, LINE
from study.report.text.cross_references import define
from study.report.text.formulas import formula_image

#: Returns the content of a template's call block.
Caller = Callable[[], Markup]
#: A table of at most so many rows always stays on one page.
WHOLE_ROWS = 15


class Placing:
    """Placement functions of one rendering.

    Args:
        drawings: figures by id.
        captions: forms of captions, `figure`, `table` and `listing`, with `{number}` and `{title}`.
        known_tables: ids of the tables that the text contains; None in the first rendering, when that is
            unknown and every table counts as contained.
        left_out: ids of the tables that are not placed.
    """

    def __init__(
        self,
        drawings: Mapping[str, Drawing],
        captions: Mapping[str, str],
        known_tables: frozenset[str] | None = None,
        left_out: frozenset[str] = frozenset(),
    ) -> None:
        self._drawings = drawings
        self._captions = captions
        self._known_tables = known_tables
        self._left_out = left_out
        self.tables: set[str] = set()
        self.figures: set[str] = set()
        self.formulas: dict[str, str] = {}

    def has_figure(self, name: str) -> bool:
        return name in self._drawings

    def has_table(self, name: str) -> bool:
        if name in self._left_out:
            return False
        return self._known_tables is None or name in self._known_tables

    def figure(self, name: str, alt: str, caller: Caller) -> Markup:
        """Returns the figure with its caption, or nothing if it was not drawn.

        Args:
            name: id of the figure.
            alt: description for screen readers.
            caller: the caption.
        """
        drawing = self._drawings.get(name)
        if drawing is None:
            return Markup("")
        self.figures.add(name)
        anchor = f"fig-{name}"
        data = base64.b64encode(drawing.data).decode()
        size = f"width:{drawing.width_mm:.1f}mm;height:{drawing.height_mm:.1f}mm"
        return Markup(
            f'\n{HOLDER.format(name=f"before-{anchor}")}<figure id="{anchor}">'
            f'<img alt="{escape(alt)}" style="{size}" '
            f'src="data:{drawing.media};base64,{data}">'
            f"<figcaption>{self._caption('figure', 'fig', name, caller())}</figcaption></figure>"
            f"{_end(anchor)}\n"
        )

    def table(self, name: str, title: str, cls: str = "", cols: str = "", *, caller: Caller) -> Markup:
        """Returns a table with its caption above, or nothing if it is left out.

        Args:
            name: id of the table.
            title: caption, without a full stop at its end.
            cls: `tight` (11 pt) or `dense` (9.5 pt).
            cols: widths of the columns in per cent, for tables that may break.
            caller: `<thead>` and `<tbody>`.

        Raises:
            ValueError: there is no `<tbody>`.
        """
        if name in self._left_out:
            return Markup("")
        self.tables.add(name)
        anchor = f"tab-{name}"
        head, found, body = str(caller()).partition("<tbody>")
        if not found:
            raise ValueError(f"table {name} has no <tbody>")
        rows = count()
        body = re.sub("<tr>", lambda _: f'<tr id="row-{anchor}-{next(rows)}">', body)
        whole = " whole" if next(rows) <= WHOLE_ROWS else ""
        widths = "".join(f'<col style="width:{width}%">' for width in cols.split())
        group = f"<colgroup>{widths}</colgroup>" if widths else ""
        kind = f"{cls}{' fixed' if widths else ''}".strip()
        return Markup(
            f"\n{HOLDER.format(name=f'before-{anchor}')}"
            f'<div class="tablebox{whole}" id="{anchor}"><p class="tcaption">'
            f"{self._caption('table', 'tab', name, escape(title))}</p>"
            f'<table class="{kind}">{group}{head}<tbody>{body}</table></div>{_end(anchor)}\n'
        )

    def formula(self, name: str, latex: str, alt: str) -> Markup:
        self.formulas[f"eq-{name}"] = latex
        return Markup(
            f'\n<div class="formula" id="eq-{name}">{formula_image(latex, alt)}'
            f'<span class="number">({define("eq", name)})</span></div>\n'
        )

    def listing(self, name: str, title: str, code: str) -> Markup:
        """Returns a listing with its caption above; each line is marked, so that pages may cut it."""
        anchor = f"lst-{name}"
        caption = self._caption("listing", "lst", name, escape(title))
        lines = code.strip("\n").split("\n")
        marked = "\n".join(
            f"{LINE.format(name=anchor, number=number)}{escape(line)}" for number, line in enumerate(lines)
        )
        return Markup(
            f'<div class="listing" id="{anchor}"><p class="tcaption">{caption}</p>'
            f"<pre>{marked}</pre></div>\n"
        )

    def _caption(self, form: str, kind: str, name: str, title: Markup) -> Markup:
        number = Markup(f'<span id="number-{kind}-{name}">{define(kind, name)}</span>')
        return Markup(self._captions[form]).format(number=number, title=title.strip())


def _end(anchor: str) -> str:
    return HOLDER.format(name=f"after-{anchor}") + FLOAT_END
