"""Settings of the trainings; imports no TensorFlow, so that commands can make flags of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from vssn.training.settings import MAX_SEED, MAX_STEPS, MAX_WEIGHT, setting

MAX_PREPARED = 100_000


@dataclass(frozen=True)
class Recipe:
    """Settings of a training."""

    def fingerprint(self, **data: Any) -> str:
        """The settings, and ``data`` about what is learned from, as JSON.

        A resumed training must have the same.
        """
        return json.dumps({**asdict(self), **data})


@dataclass(frozen=True)
class DecisionRecipe(Recipe):
    """How the decision network is trained; batch size, rate and decay are the original's."""

    batch_size: int = setting(32, "pairs per step", least=1, most=4096)
    learning_rate: float = setting(0.002, "Adam's, in the first epoch", above=0, most=10)
    decay: float = setting(0.99, "factor of the rate after each epoch", above=0, most=1)
    seed: int = setting(1, "of all random choices", least=0, most=MAX_SEED)
    hold_out: float = setting(
        0.1, "share of the training pairs that calibrates the confidence instead", least=0, below=1
    )


@dataclass(frozen=True)
class FlowRecipe(Recipe):
    """How FlowNetS is trained on known flow, the first phase."""

    batch_size: int = setting(8, "pairs per step", least=1, most=4096)
    steps_per_epoch: int = setting(
        200, "steps per epoch; the data is endless", least=1, most=MAX_STEPS
    )
    rate: float = setting(4e-4, "peak learning rate", above=0, most=10)
    real_share: float = setting(0.4, "share of the examples from --clips", least=0, most=1)
    max_distance: int = setting(
        10, "largest distance within a pair of a clip, in frames", least=1, most=1000
    )
    clip_pairs: int = setting(
        400, "pairs prepared per clip, each in both directions", least=1, most=MAX_PREPARED
    )
    seed: int = setting(1, "of all random choices", least=0, most=MAX_SEED)


@dataclass(frozen=True)
class PropagationRecipe(Recipe):
    """How FlowNetS is trained to propagate class probabilities, the second phase."""

    batch_size: int = setting(4, "chains per step", least=1, most=4096)
    steps_per_epoch: int = setting(
        100, "steps per epoch; the data is endless", least=1, most=MAX_STEPS
    )
    chain_steps: int = setting(2, "warps in a chain", least=1, most=100)
    rate: float = setting(4e-4, "peak learning rate", above=0, most=10)
    real_share: float = setting(0.6, "share of the examples from --clips", least=0, most=1)
    clip_chains: int = setting(150, "chains prepared per clip", least=1, most=MAX_PREPARED)
    min_share: float = setting(
        0.8, "smallest share of a still's width in a synthetic frame", above=0, most=1
    )
    displaced_share: float = setting(
        0.5, "share of the chains that start with displaced probabilities", least=0, most=1
    )
    jaccard_weight: float = setting(
        1.0, "of the soft IoU loss beside cross-entropy", least=0, most=MAX_WEIGHT
    )
    flow_weight: float = setting(0.1, "of the flow's end-point errors", least=0, most=MAX_WEIGHT)
    slow_px: float = setting(
        10.0, "a longer flow counts less, in proportion", least=0.01, most=10_000
    )
    seed: int = setting(1, "of all random choices", least=0, most=MAX_SEED)
