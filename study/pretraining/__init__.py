"""Makes pre-trained weights from formulas, for studies that cannot download any."""

from study.pretraining.fractals import generate
from study.pretraining.pretext import SOURCE, PretextPoint, PretextResult, pretrain
from study.pretraining.recipe import Recipe, recipe_for

__all__ = ["SOURCE", "PretextPoint", "PretextResult", "Recipe", "generate", "pretrain", "recipe_for"]
