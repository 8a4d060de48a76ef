"""A seven-page document in the form of the report, quick to lay out and to break on purpose."""

from __future__ import annotations

from study.report.document import CONTENTS_PLACE, Document, appendix, define, refer
from study.report.words import TEMPLATES

_TEXT = (
    "Перенос обучения позволяет использовать признаки, найденные на большом наборе изображений, "
    "при решении новой задачи классификации с меньшим числом размеченных примеров. Качество "
    "полученной модели оценивается на отложенной выборке, которая в обучении не участвовала. "
)
_PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 width=%2290%22 "
    "height=%2240%22%3E%3Crect width=%2290%22 height=%2240%22/%3E%3C/svg%3E"
)
_TITLE = """
<div class="title"><div class="head"><p>Университет</p></div>
<div class="main"><p class="word">ОТЧЁТ</p><p>о лабораторной работе № 4</p>
<p class="name">«Предобученные нейронные сети»</p><p>по дисциплине «Обучение»</p></div>
<div class="people"><p>Выполнил: студент группы 1</p><p>Проверил: доцент</p></div>
<div class="foot"><p>Город, 2031</p></div></div>
"""


def miniature() -> str:
    """HTML whose PDF has no problems."""
    paragraph = f"<p>{_TEXT * 3}</p>"
    css = (TEMPLATES / "gost.css").read_text(encoding="utf-8")
    html = f"""<!DOCTYPE html><html lang="ru"><head><meta charset="utf-8"><title>Отчёт</title>
<style>{css}</style></head><body>{_TITLE}
<section class="contents"><h1 class="plain">СОДЕРЖАНИЕ</h1>{CONTENTS_PLACE}</section>
<section><h1 class="plain">ВВЕДЕНИЕ</h1>{paragraph * 7}</section>
<section><h1 class="numbered">Ход работы</h1>
<h2 class="numbered">Подготовка данных</h2>{paragraph}
<p>Данные показаны на рисунке {refer("fig", "one")} и в таблице {refer("tab", "one")}.</p>
<figure id="fig-one"><img alt="чёрный прямоугольник" src="{_PICTURE}">
<figcaption>Рисунок {define("fig", "one")} – Прямоугольник</figcaption></figure>
<div id="tab-one"><p class="tcaption">Таблица {define("tab", "one")} – Числа</p>
<table><thead><tr><th>Имя</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table></div>
<p>{_TEXT}</p></section>
<section><h1 class="plain">ЗАКЛЮЧЕНИЕ</h1>{paragraph}</section>
<section><h1 class="plain">СПИСОК ИСПОЛЬЗОВАННЫХ ИСТОЧНИКОВ</h1>
<ol class="sources"><li>{_TEXT}</li></ol></section>
<section>{appendix("А")}<h1 class="appendix">ПРИЛОЖЕНИЕ А
<span class="subtitle">Код</span></h1>{paragraph}</section></body></html>"""
    return Document(source_texts={}).resolve(html)
