"""Says in words when an answer is likely to be wrong.

The score is the greatest class probability: wrong answers, and answers to what is unlike the training set,
have lower ones than right answers (Hendrycks & Gimpel, ICLR 2017). It needs no data beside the picture, and
is a number between 0 and 1 for every network. The energy of the logits (Liu et al., NeurIPS 2020) tells
right from wrong answers hardly better, and the cosine of features and class weights hardly at all
(docs/pictures.md).
"""

from __future__ import annotations

#: Least probability of an answer without a doubt. Of the pictures that `benchmarks.pictures` made of
#: validation images, 88 % of the wrong and 26 % of the right answers lie below it (docs/pictures.md).
SURE = 0.8


def doubt(probability: float) -> str:
    """Returns the words that follow an answer; empty if its probability gives no reason for a doubt."""
    if probability >= SURE:
        return ""
    return f"; in doubt: below {SURE:.2f} many answers are wrong, or the picture is unlike the training set"
