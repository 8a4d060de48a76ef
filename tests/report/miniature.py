"""An eight-page document in the form of the report, quick to lay out and to break on purpose.

Pages: 1 title, 2 contents, 3 introduction, 4 section, 5 the rest of its table, 6 conclusion, 7 sources,
8 appendix.
"""

from __future__ import annotations

from dataclasses import dataclass

from study.report.locale.messages import TEMPLATES, read_words
from study.report.text.cross_references import (
    CONTENTS_PLACE,
    SOURCES_PLACE,
    Document,
    appendix,
    cite,
    define,
    refer,
)

PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 width=%2290%22 "
    "height=%2240%22%3E%3Crect width=%2290%22 height=%2240%22/%3E%3C/svg%3E"
)


@dataclass(frozen=True, kw_only=True)
class _Texts:
    """Forms of one language; figure, table, listing and mention have places for numbers."""

    sentence: str
    title: str
    section: str
    subsection: str
    begin: str
    mention: str
    figure: str
    table: str
    heads: tuple[str, str]
    rows: tuple[str, str]
    where: str
    items: tuple[str, str]
    time: str
    code: str
    listing: str
    letter: str


_TEXTS = {
    "ru": _Texts(
        sentence=(
            "Перенос обучения позволяет использовать признаки, найденные на большом наборе "
            "изображений, при решении новой задачи классификации с меньшим числом размеченных "
            "примеров. Качество полученной модели оценивается на отложенной выборке, которая в "
            "обучении не участвовала. "
        ),
        title="""
<div class="title"><div class="head"><p>Министерство</p><p>Университет</p><p>Кафедра</p></div>
<div class="main"><p class="word">ОТЧЁТ</p><p>о лабораторной работе № 4</p>
<p class="name">«Предобученные нейронные сети»</p><p>по дисциплине «Обучение»</p></div>
<div class="people"><p>Выполнил: студент группы 1</p><p>Проверил: доцент</p></div>
<div class="foot"><p>Город, 2031</p></div></div>
""",
        section="Ход работы",
        subsection="Подготовка данных",
        begin="Код приведён в приложении&nbsp;А. Способ описан в {one} и {two}.",
        mention="Данные показаны на рисунке {figure} и в таблице {table}, доля равна 0,91.",
        figure="Рисунок {number} – Прямоугольник",
        table="Таблица {number} – Числа",
        heads=("Выборка", "Доля"),
        rows=("Первая", "Вторая"),
        where="где первый знак – доля верных ответов.",
        items=("первый пункт;", "второй пункт."),
        time="Обучение длилось 25&nbsp;мин.",
        code="Шаг обучения показывает листинг {listing}.",
        listing="Листинг {number} – Шаг обучения",
        letter="А",
    ),
    "en": _Texts(
        sentence=(
            "Transfer learning makes it possible to use features found on a large collection of "
            "images when solving a new classification problem with considerably fewer individually "
            "labelled photographs. The quality of the resulting model is estimated on held-out "
            "observations that did not participate in the optimisation. "
        ),
        title="""
<div class="title"><div class="head"><p>Ministry</p><p>University</p><p>Department</p></div>
<div class="main"><p class="word">REPORT</p><p>on laboratory work No. 4</p>
<p class="name">“Pre-trained Neural Networks”</p><p>for the course “Learning”</p></div>
<div class="people"><p>Submitted by: student of group 1</p><p>Examined by: lecturer</p></div>
<div class="foot"><p>City, 2031</p></div></div>
""",
        section="Course of the Work",
        subsection="Preparing the data",
        begin="The code is in Appendix&nbsp;A. The method is described in {one} and {two}.",
        mention="The data are shown in Figure {figure} and in Table {table}, the share is 0.91.",
        figure="Figure {number} – A rectangle",
        table="Table {number} – Numbers",
        heads=("Sample", "Share"),
        rows=("First", "Second"),
        where="where the first sign is the share of right answers.",
        items=("the first item;", "the second item."),
        time="Training took 25&nbsp;min.",
        code="The step of training is shown in Listing {listing}.",
        listing="Listing {number} – A step of training",
        letter="A",
    ),
}


def miniature(lang: str = "ru") -> str:
    """HTML whose PDF has no problems."""
    texts, words = _TEXTS[lang], read_words(lang)
    heading = words.heading
    paragraph = f"<p>{texts.sentence * 2}</p>"
    css = (TEMPLATES / "gost.css").read_text(encoding="utf-8")
    mention = texts.mention.format(figure=refer("fig", "one"), table=refer("tab", "one"))
    items = "".join(f"<li>{item}</li>" for item in texts.items)
    head = "".join(f"<th>{name}</th>" for name in texts.heads)
    decimal = words.decimal
    first, second = (
        f'<table><thead><tr>{head}</tr></thead><tbody><tr><th scope="row">{row}</th>'
        f'<td class="n">{share}{decimal}11</td></tr></tbody></table>'
        for row, share in zip(texts.rows, (90, 80), strict=True)
    )
    continued = words.caption["continued"].format(number=refer("tab", "one"))
    html = f"""<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>4</title>
<style>{css}@counter-style letters {{ system: alphabetic; symbols: {words.letters} }}
body {{ font-kerning: none }}</style></head><body>{texts.title}
<section class="contents"><h1 class="plain">{heading["contents"]}</h1>{CONTENTS_PLACE}</section>
<section class="begin"><h1 class="plain">{heading["introduction"]}</h1>{paragraph * 2}
<p>{texts.begin.format(one=cite("a"), two=cite("b"))}</p>
<ul class="dash">{items}</ul><ol class="num">{items}</ol><ol class="abc">{items}</ol></section>
<section class="numbered"><h1 class="numbered">{texts.section}</h1>
<h2 class="numbered">{texts.subsection}</h2>{paragraph}
<p>{mention}</p>
<figure id="fig-one"><img alt="■" src="{PICTURE}">
<figcaption>{texts.figure.format(number=define("fig", "one"))}</figcaption></figure>
<div class="formula" id="eq-one"><img alt="a" src="{PICTURE}">
<span class="number">({define("eq", "one")})</span></div>
<p class="where">{texts.where}</p>
<div id="tab-one"><p class="tcaption">{texts.table.format(number=define("tab", "one"))}</p>{first}
<p class="tcaption continued">{continued}</p>{second}</div>
<p>{texts.sentence}</p><p>{texts.time}</p></section>
<section class="end"><h1 class="plain">{heading["conclusion"]}</h1>
<p class="plain">{texts.sentence}</p></section>
<section class="sources"><h1 class="plain">{heading["sources"]}</h1>{SOURCES_PLACE}</section>
<section class="last">{appendix(texts.letter)}<h1 class="appendix">{heading["appendix"]} {texts.letter}
<span class="subtitle">{texts.subsection}</span></h1>
<p>{texts.code.format(listing=refer("lst", "code"))}</p>
<div class="listing" id="lst-code">
<p class="tcaption">{texts.listing.format(number=define("lst", "code"))}</p>
<pre>rate = 0.5</pre></div>{paragraph * 2}</section></body></html>"""
    return Document(source_texts={"a": texts.sentence, "b": texts.subsection}).resolve(html)
