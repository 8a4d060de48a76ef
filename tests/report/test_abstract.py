"""The abstract: asked for on the title page, counted truly, checked as every other heading."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from miniature import miniature
from planted import plant

from study.analysis import write_analysis
from study.errors import UsageError
from study.report.build import to_pdf
from study.report.form_check.check import check_pdf
from study.report.form_check.pdf import read_pdf
from study.report.locale.messages import languages, read_words
from study.report.text.title_page import TitlePage

if TYPE_CHECKING:
    from conftest import Composer


def _with_abstract(style: str = "") -> bytes:
    """The PDF of the small document with an abstract that names the number of its pages."""
    text = "Перенос обучения оценён на отложенной выборке, которая в обучении не участвовала. " * 3
    abstract = (
        '<section><h1 class="plain unlisted" id="part-abstract" style="bookmark-label: '
        f'&quot;РЕФЕРАТ&quot;; {style}">РЕФЕРАТ</h1>'
        f'<p>Отчёт <span class="pages">00</span> с.</p><p>{text}</p></section>'
    )
    html = miniature().replace('<section class="contents">', abstract + '<section class="contents">')
    return to_pdf(html).content


def test_it_is_in_good_form_and_names_its_pages(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(_with_abstract())
    assert check_pdf(path, read_words("ru")) == []
    pages = read_pdf(path).pages
    assert [line.text for line in pages[1].lines][:2] == ["РЕФЕРАТ", f"Отчёт {len(pages)} с."]
    assert not any("РЕФЕРАТ" in line.text for line in pages[2].lines)


def test_its_heading_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(_with_abstract("text-align: left"))
    found = check_pdf(path, read_words("ru"))
    assert len(found) == 1 and "'РЕФЕРАТ' is not centred" in found[0].message


@pytest.mark.parametrize("lang", languages())
def test_its_counts_are_those_of_the_report(lang: str, tmp_path: Path, composer: Composer) -> None:
    composed = composer.of(lang)
    results = plant(tmp_path, seeds=2, artifacts=False)
    html = composed(results, TitlePage(year="2031", abstract="true"))
    heading = read_words(lang).abstract
    abstract, contents = html.split('<section class="contents">')
    text = re.sub(r"<[^>]+>", "", abstract[abstract.rindex("<section") :]).replace("\u00a0", " ")
    assert heading in text and heading not in contents[: contents.index("</section>")]
    tables = len(set(re.findall(r'id="(tab-[\w-]+)"', html)))
    sources = len(re.findall(r'id="source-\d+"', html))
    appendices = html.count('<h1 class="appendix"')
    counts = [int(number) for number in re.findall(r"\d+", text)[:5]]
    assert counts == [0, 0, tables, sources, appendices]
    assert tables > 5 and sources > 10 and appendices == 2
    keywords = next(line for line in text.splitlines() if line.isupper() and "," in line)
    assert 5 <= len(keywords.split(",")) <= 15
    assert 'class="pages">00<' in html
    assert heading not in composed(results)


@pytest.mark.parametrize("value", ["true", "True", "false", ""])
def test_it_stands_only_where_asked_for(value: str) -> None:
    assert TitlePage(abstract=value).has_abstract is (value.lower() == "true")


def test_another_word_is_refused() -> None:
    with pytest.raises(UsageError, match="true or false"):
        TitlePage(abstract="perhaps")


@pytest.mark.parametrize("lang", languages())
def test_networks_that_disagree_are_named_each(lang: str, tmp_path: Path, composer: Composer) -> None:
    """VGG11 loses and GoogLeNet gains when the whole network is trained."""
    results = plant(tmp_path, seeds=3, artifacts=False)
    rungs = pd.read_csv(results / "rungs.csv")
    lost = (rungs["model"] == "vgg11") & (rungs["scope"] == "full")
    rungs.loc[lost, "test_accuracy"] -= 0.2
    rungs.to_csv(results / "rungs.csv", index=False)
    effects = write_analysis(results).contrasts.set_index(["name", "model"])["effect_pp"]
    html = composer.of(lang)(results, TitlePage(abstract="true"))
    abstract = html.split('<section class="contents">')[0]
    text = re.sub(r"<[^>]+>", "", abstract[abstract.rindex("<section") :]).replace("\u00a0", " ")
    mark = read_words(lang).decimal
    vgg11, googlenet = (
        f"{abs(effects['scope@pretrained', model]):.2f}".replace(".", mark)
        for model in ("vgg11", "googlenet")
    )
    assert f"VGG11 −{vgg11} [" in text and f"GoogLeNet +{googlenet} [" in text
