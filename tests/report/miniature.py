"""A seven-page document in the form of the report, quick to lay out and to break on purpose."""

from __future__ import annotations

from dataclasses import dataclass

from study.report.document import CONTENTS_PLACE, Document, appendix, define, refer
from study.report.words import TEMPLATES, read_words

_PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 width=%2290%22 "
    "height=%2240%22%3E%3Crect width=%2290%22 height=%2240%22/%3E%3C/svg%3E"
)


@dataclass(frozen=True, kw_only=True)
class _Texts:
    """figure, table and letter are forms of one language; the rest is text."""

    sentence: str
    title: str
    section: str
    subsection: str
    mention: str
    figure: str
    table: str
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
<div class="title"><div class="head"><p>Университет</p></div>
<div class="main"><p class="word">ОТЧЁТ</p><p>о лабораторной работе № 4</p>
<p class="name">«Предобученные нейронные сети»</p><p>по дисциплине «Обучение»</p></div>
<div class="people"><p>Выполнил: студент группы 1</p><p>Проверил: доцент</p></div>
<div class="foot"><p>Город, 2031</p></div></div>
""",
        section="Ход работы",
        subsection="Подготовка данных",
        mention="Данные показаны на рисунке {figure} и в таблице {table}.",
        figure="Рисунок {number} – Прямоугольник",
        table="Таблица {number} – Числа",
        letter="А",
    ),
    "en": _Texts(
        sentence=(
            "Transfer learning makes it possible to use features found on a large collection of "
            "images when solving a new classification problem with considerably fewer labelled "
            "examples. The quality of the resulting model is estimated on held-out observations "
            "that did not participate in the optimisation. "
        ),
        title="""
<div class="title"><div class="head"><p>University</p></div>
<div class="main"><p class="word">REPORT</p><p>on laboratory work No. 4</p>
<p class="name">“Pre-trained Neural Networks”</p><p>for the course “Learning”</p></div>
<div class="people"><p>Submitted by: student of group 1</p><p>Examined by: lecturer</p></div>
<div class="foot"><p>City, 2031</p></div></div>
""",
        section="Course of the Work",
        subsection="Preparing the data",
        mention="The data are shown in Figure {figure} and in Table {table}.",
        figure="Figure {number} – A rectangle",
        table="Table {number} – Numbers",
        letter="A",
    ),
}


def miniature(lang: str = "ru") -> str:
    """HTML whose PDF has no problems."""
    texts, heading = _TEXTS[lang], read_words(lang).heading
    paragraph = f"<p>{texts.sentence * 3}</p>"
    css = (TEMPLATES / "gost.css").read_text(encoding="utf-8")
    mention = texts.mention.format(figure=refer("fig", "one"), table=refer("tab", "one"))
    html = f"""<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>4</title>
<style>{css}body {{ font-kerning: none }}</style></head><body>{texts.title}
<section class="contents"><h1 class="plain">{heading["contents"]}</h1>{CONTENTS_PLACE}</section>
<section><h1 class="plain">{heading["introduction"]}</h1>{paragraph * 7}</section>
<section><h1 class="numbered">{texts.section}</h1>
<h2 class="numbered">{texts.subsection}</h2>{paragraph}
<p>{mention}</p>
<figure id="fig-one"><img alt="■" src="{_PICTURE}">
<figcaption>{texts.figure.format(number=define("fig", "one"))}</figcaption></figure>
<div id="tab-one"><p class="tcaption">{texts.table.format(number=define("tab", "one"))}</p>
<table><thead><tr><th>N</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table></div>
<p>{texts.sentence}</p></section>
<section><h1 class="plain">{heading["conclusion"]}</h1>{paragraph}</section>
<section><h1 class="plain">{heading["sources"]}</h1>
<ol class="sources"><li>{texts.sentence}</li></ol></section>
<section>{appendix(texts.letter)}<h1 class="appendix">{heading["appendix"]} {texts.letter}
<span class="subtitle">{texts.subsection}</span></h1>{paragraph}</section></body></html>"""
    return Document(source_texts={}).resolve(html)
