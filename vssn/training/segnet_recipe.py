"""How a segmentation network is trained; without TensorFlow, so that the command can share it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from vssn.training.augment import ViewRange
from vssn.training.settings import MAX_SEED, MAX_STEPS, MAX_WEIGHT, setting
from vssn.training.sources import Source


@dataclass(frozen=True)
class SegnetRecipe:
    """All that decides how a segmentation network is trained.

    Attributes:
        batch_size: views per step.
        crop_hw: size of a view in px, at the scale of the 416x608 input.
        encoder_rate: peak learning rate of the ImageNet encoder.
        decoder_rate: peak learning rate of the decoder.
        weight_decay: AdamW's, on kernels only.
        class_power: classes weigh as their frequency to the power of minus this.
        jaccard_weight: weight of the soft IoU loss beside cross-entropy.
        frozen_norms: leave the batch norms as they were at the start.
        frozen_encoder_norms: the same for the encoder's alone.
        frozen_stages: leave as many stages of the encoder as they were, from the stem on.
        epoch_steps: steps per epoch; 0 for as many as show each still once.
        pair_every: steps from one pair of neighbouring frames to the next.
        consistency_weight: of the pair's disagreement beside the labels' losses.
        teacher_weight: weight of the cross-entropy to the teachers' mean beside the labels' losses.
        average_teacher: the running average of the weights is a teacher too. Source: Tarvainen and
            Valpola, "Mean teachers are better role models" (NeurIPS 2017).
        average_share: the running average of the weights, which is what is kept, forgets over this
            share of the steps.
        seed: of all random choices.
        mixed_precision: compute in bfloat16, keep variables in float32. Ten times slower than
            float32 on a processor that only imitates it; see
            :func:`vssn.runtime.processor.computes_bfloat16`.
        views: augmentation.
    """

    batch_size: int = setting(6, "views per step", least=1, most=4096)
    crop_hw: tuple[int, int] = setting(
        (288, 320), "height and width of a view in px", least=32, most=4096
    )
    encoder_rate: float = setting(2e-4, "peak learning rate of the encoder", above=0, most=10)
    decoder_rate: float = setting(1e-3, "peak learning rate of the decoder", above=0, most=10)
    weight_decay: float = setting(1e-2, "AdamW's, on kernels", least=0, most=10)
    class_power: float = setting(0.25, "0 weighs classes alike, 1 evens them out", least=0, most=2)
    jaccard_weight: float = setting(
        0.5, "of the soft IoU loss beside cross-entropy", least=0, most=MAX_WEIGHT
    )
    frozen_norms: bool = setting(
        False,
        "leave the batch norms as they were at the start: for a trained network that learns from "
        "small batches of several data sets; a step is a quarter faster",
    )
    frozen_encoder_norms: bool = setting(False, "the same for the encoder's batch norms alone")
    frozen_stages: int = setting(
        0,
        "leave the stem and the next stages of the encoder, as many in all, as they were: their "
        "maps are the largest",
        least=0,
        most=100,
    )
    epoch_steps: int = setting(
        0, "steps per epoch; 0 for as many as show each still once", least=0, most=MAX_STEPS
    )
    pair_every: int = setting(
        2, "with --clips: steps from one pair to the next", least=1, most=MAX_STEPS
    )
    consistency_weight: float = setting(
        2.0,
        "with --clips: of a pair's disagreement beside the labels' losses",
        least=0,
        most=MAX_WEIGHT,
    )
    teacher_weight: float = setting(
        1.0,
        "with teachers: of the cross-entropy to their mean beside the labels' losses",
        above=0,
        most=1000,
    )
    average_teacher: bool = setting(
        False, "the running average of the network's own weights joins the teachers"
    )
    average_share: float = setting(
        1 / 6, "share of the steps over which the average of the weights forgets", above=0, most=1
    )
    seed: int = setting(1, "of all random choices", least=0, most=MAX_SEED)
    mixed_precision: bool = False
    views: ViewRange = field(default_factory=ViewRange)

    def fingerprint(
        self,
        epochs: int,
        sources: Sequence[Source],
        start: str,
        clips: Sequence[str] = (),
        teachers: Sequence[str] = (),
    ) -> str:
        """The settings as text; a resumed run must have the same.

        Args:
            epochs: length of the training.
            sources: what it learns from.
            start: names the weights that it starts from.
            clips: names of unlabelled videos.
            teachers: SHA-256 digests of the teachers' files.
        """
        data = {s.name: {"share": s.share, "stills": len(s.train)} for s in sources}
        settings = {"epochs": epochs, "data": data, "clips": list(clips), "start": start}
        return json.dumps({**asdict(self), **settings, "teachers": list(teachers)})
