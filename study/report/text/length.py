"""What the short form of the report leaves out."""

from __future__ import annotations

from enum import Enum

from study.datasets import DATASETS
from study.networks import NETWORKS


class Length(str, Enum):
    """The length of the report.

    The short one has what is needed to defend the laboratory work; the full one has every experiment. The
    page for the screen is always full.
    """

    SHORT = "short"
    FULL = "full"


#: The figures of the short form.
SHORT_FIGURES = frozenset({"examples", "scheme", "champion", "confusion", "object", "contrasts", "gain"})
#: The sources of the short form; other citations are left out of its text.
SHORT_SOURCES = frozenset(
    {
        *(dataset.source for dataset in DATASETS.values() if dataset.source),
        "zalando2017",
        "torchvision2016",
        "paszke2019",
        "akiba2019",
        *(network.source for network in NETWORKS.values()),
        "russakovsky2015",
        "yosinski2014",
        "he2019",
        "howard2018",
        "loshchilov2019",
        "kataoka2022",
        "bretz2009",
    }
)
#: The contrasts that stand in the table of the short form; controls and interactions are left out.
SHORT_CONTRASTS = frozenset({"init@frozen", "init@full", "scope@pretrained", "lr_policy@pretrained"})
#: The tables that the short form leaves out.
FULL_TABLES = frozenset(
    {
        "summary",
        "environment",
        "stages",
        "tried",
        "plan",
        "hyper",
        "per-class",
        "quality",
        "first-conv",
        "q7-views",
        "runs",
        "trials",
        "hashes",
    }
)
