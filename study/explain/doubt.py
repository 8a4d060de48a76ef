"""Says in words when an answer is likely to be wrong.

The score is the greatest class probability: wrong answers, and answers to what is unlike the training set,
have lower ones than right answers (Hendrycks & Gimpel, ICLR 2017). It needs no data beside the picture. The
energy of the logits (Liu et al., NeurIPS 2020) and the cosine of features and class weights were compared
with it: docs/pictures.md.
"""

from __future__ import annotations

#: Least probability of an answer without a doubt. It was set on validation images in photographs that
#: `benchmarks.pictures` made of them, and checked on test images (docs/pictures.md).
SURE = 0.85


def doubt(probability: float) -> str:
    """Returns the words that follow an answer; empty if its probability gives no reason for a doubt."""
    if probability >= SURE:
        return ""
    return f"; in doubt: below {SURE:.2f} many answers are wrong, or the picture is unlike the training set"
