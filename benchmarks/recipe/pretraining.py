"""Pre-trains each network once on formulas, in a small way, and stores the weights."""

from __future__ import annotations

from pathlib import Path

from study.networks import GOOGLENET, VGG11, ModelName
from study.pretraining import pretrain, recipe_for
from study.training.runtime import Runtime

#: Images per second on one thread for which the recipes are chosen, and seconds of each pre-training.
SPEED = {VGG11: 65.0, GOOGLENET: 240.0}
SECONDS = {VGG11: 125.0, GOOGLENET: 100.0}


def weights_of(model: ModelName, folder: Path, runtime: Runtime) -> Path:
    """Returns the file of the network's pre-trained weights, which are trained if it does not exist.

    Raises:
        SystemExit: the pretext task was not learnt.
    """
    recipe = recipe_for(model, SECONDS[model], SPEED[model])
    folder.mkdir(parents=True, exist_ok=True)
    result = pretrain(
        model,
        recipe,
        cache_dir=folder,
        seed=0,
        runtime=runtime,
        should_stop=lambda: False,
        on_progress=lambda point: print(point, flush=True),
    )
    print(f"{model}: {recipe}; {result.held_out_accuracy:.3f} held out, {result.seconds:.0f} s", flush=True)
    if result.weights is None:
        raise SystemExit(f"{model}: the pretext was not learnt")
    return Path(result.weights.path)
