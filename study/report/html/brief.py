"""Puts what a reader came for before everything else: the result and the answers to all questions."""

from __future__ import annotations

from lxml.html import HtmlElement
from lxml.html.builder import E

from study.report.html.elements import move_content, plain
from study.report.locale.messages import Words


def put_answers_first(main: HtmlElement, words: Words) -> None:
    """Moves the sentence of the outcome and the table of answers to the front, each answer as a card.

    Nothing is moved where the text has no answers, because nothing was measured.
    """
    box = main.find(".//div[@id='tab-summary']")
    if box is None:
        return
    texts = words.screen["brief"]
    section = E.section(
        {"class": "brief"},
        E.div({"class": "headline"}, E.h2(texts["title"], {"class": "plain", "id": "brief"})),
    )
    outcome = main.find(".//p[@class='outcome']")
    if outcome is not None:
        section.append(_cut(outcome))
    scores = _scores(main, texts["score"], words.unit["percent"])
    if len(scores):
        section.append(E.p(texts["scores"], {"class": "tcaption"}))
        section.append(scores)
    note = box.getnext()
    section.append(_cut(box))
    if note is not None and note.tag == "p" and not plain(note).endswith(":"):
        note.set("class", "note")
        section.append(_cut(note))
    _as_cards(box, _questions(main, len(box.xpath(".//tbody/tr"))), texts["more"])
    main.insert(0, section)


def _cut(element: HtmlElement) -> HtmlElement:
    """Takes an element out of the text; the text behind it stays."""
    tail, element.tail = element.tail, None
    before, parent = element.getprevious(), element.getparent()
    parent.remove(element)
    if before is not None:
        before.tail = (before.tail or "") + (tail or "")
    else:
        parent.text = (parent.text or "") + (tail or "")
    return element


def _scores(main: HtmlElement, head: str, percent: str) -> HtmlElement:
    """Returns the accuracies on test images from the table of the champion, each with a bar."""
    scores = E.dl({"class": "scores"})
    table = main.find(".//div[@id='tab-champion']//table")
    heads = [] if table is None else [plain(cell) for cell in table.xpath("./thead//th")]
    if head not in heads:
        return scores
    for row in table.xpath("./tbody/tr"):
        value = plain(row[heads.index(head)]) if len(row) == len(heads) else ""
        share = value.replace(",", ".")
        if not share.replace(".", "", 1).isdigit():
            continue
        bar = E.span({"class": "bar", "aria-hidden": "true", "style": f"--share: {float(share):.2f}%"})
        scores.append(E.div(E.dt(plain(row[0])), E.dd(f"{value}{percent}", bar)))
    return scores


def _questions(main: HtmlElement, count: int) -> list[str]:
    """Returns the ids of the subsections that answer the questions, or as many empty texts.

    They make up the last numbered section that has so many subsections.
    """
    for section in reversed(main.xpath(".//section[@class='numbered']")):
        found = [str(heading.get("id")) for heading in section.xpath(".//h3[@id]")]
        if len(found) == count:
            return found
    return [""] * count


def _as_cards(box: HtmlElement, anchors: list[str], more: str) -> None:
    """Turns the rows of a table of question, answer, measurement and verdict into a list of cards."""
    heads = [plain(cell) for cell in box.xpath(".//thead//th")]
    rows = box.xpath(".//tbody/tr")
    if len(heads) != 4 or any(len(row) != 4 for row in rows):
        return
    cards = E.ul({"class": "answers", "role": "list"})
    for row, anchor in zip(rows, anchors, strict=True):
        question, answer, measured, verdict = row
        card = E.li({"id": row.get("id")} if row.get("id") else {})
        card.append(move_content(question, E.p({"class": "question"})))
        card.append(move_content(answer, E.p()))
        card.append(move_content(verdict, E.p({"class": "verdict"}, E.span(f"{heads[3]}: "))))
        card.append(move_content(measured, E.p({"class": "measured"}, E.span(f"{heads[2]}: "))))
        if anchor:
            number = anchor.removeprefix("sec-").replace("-", ".")
            card.append(E.a(more.format(number=number), {"class": "more", "href": f"#{anchor}"}))
        cards.append(card)
    frame = box.find("div")
    frame.getparent().replace(frame, cards)
