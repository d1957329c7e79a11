"""The light segmentation network as tables, from which every runtime builds; imports no Keras.

Names are the checkpoint contract. The encoder is EfficientNet-Lite, see
:mod:`vssn.models.efficientnet_lite`; the decoder is ours, see :mod:`vssn.models.light`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from vssn.labels import NUM_OUTPUTS
from vssn.models.layout import Shape

STEM_FILTERS = 32
CHANNEL_MULTIPLE = 8
LITE_VARIANT = 0
LITE_MEAN, LITE_SCALE = 127.0, 128.0  # the encoder is shown (RGB - mean) / scale
# Lite0 to Lite2: factors of the stages' channels and blocks.
LITE_SCALES = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
# Stages of Lite0: (blocks, kernel, stride, expansion, channels).
LITE_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# The last stage at each stride: 2, 4, 8, 16, 32.
SKIP_STAGES = (0, 1, 2, 4, 6)

CONTEXT_FILTERS = 128
POOLED_FILTERS = 64
# The decoder's convolutions at strides 16, 8 and 4.
DECODER_FILTERS = (96, 64, 64)
EDGE_FILTERS = 24  # what stride 2 adds at stride 4
PIXELS_PER_CELL = 4  # a cell of stride 4 holds 2x2 pixels of stride 2


@dataclass(frozen=True)
class LiteBlock:
    """One inverted residual block of EfficientNet-Lite.

    Attributes:
        name: prefix of its layers' names.
        stage: number of its stage, from 0.
        kernel, stride: of its depthwise convolution.
        inputs, expanded, outputs: channels before it, inside it and after it.
    """

    name: str
    stage: int
    kernel: int
    stride: int
    inputs: int
    expanded: int
    outputs: int

    @property
    def expands(self) -> bool:
        """Whether it starts with a 1x1 convolution."""
        return self.expanded != self.inputs

    @property
    def has_shortcut(self) -> bool:
        """Whether its input is added to its output."""
        return self.stride == 1 and self.inputs == self.outputs


def _channels(base: int, factor: float) -> int:
    """Scaled and rounded to multiples of 8, by no more than a tenth down, as EfficientNet does."""
    scaled = base * factor
    rounded = max(
        CHANNEL_MULTIPLE, int(scaled + CHANNEL_MULTIPLE / 2) // CHANNEL_MULTIPLE * CHANNEL_MULTIPLE
    )
    return rounded + CHANNEL_MULTIPLE if rounded < 0.9 * scaled else rounded


def lite_blocks(variant: int = LITE_VARIANT) -> tuple[LiteBlock, ...]:
    """The blocks of EfficientNet-Lite0, 1 or 2, in order."""
    width, depth = LITE_SCALES[variant]
    blocks = []
    inputs = STEM_FILTERS
    for stage, (repeats, kernel, stride, expansion, base) in enumerate(LITE_STAGES):
        # The first and the last stage keep their number of blocks.
        count = repeats if stage in (0, len(LITE_STAGES) - 1) else math.ceil(repeats * depth)
        outputs = _channels(base, width)
        for index in range(count):
            name = f"block{stage + 1}{chr(ord('a') + index)}"
            step = stride if index == 0 else 1
            blocks.append(LiteBlock(name, stage, kernel, step, inputs, inputs * expansion, outputs))
            inputs = outputs
    return tuple(blocks)


def same_padding(size: int, stride: int) -> tuple[int, int]:
    """Zero padding before and after of TensorFlow's "SAME", for sides that the stride divides."""
    total = max(size - stride, 0)
    return total // 2, total - total // 2


def _norm(name: str, channels: int) -> Iterator[tuple[str, Shape]]:
    for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
        yield f"{name}_bn/{variable}", (channels,)


def _unit(name: str, size: int, inputs: int, outputs: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}/kernel", (size, size, inputs, outputs)
    yield from _norm(name, outputs)


def _encoder(variant: int) -> Iterator[tuple[str, Shape]]:
    yield from _unit("stem", 3, 3, STEM_FILTERS)
    for block in lite_blocks(variant):
        if block.expands:
            yield from _unit(f"{block.name}_expand", 1, block.inputs, block.expanded)
        yield f"{block.name}_depthwise/kernel", (block.kernel, block.kernel, block.expanded, 1)
        yield from _norm(f"{block.name}_depthwise", block.expanded)
        yield from _unit(f"{block.name}_project", 1, block.expanded, block.outputs)


def skip_channels(variant: int = LITE_VARIANT) -> tuple[int, ...]:
    """Channels of the encoder's features at strides 2, 4, 8, 16 and 32."""
    last = {block.stage: block.outputs for block in lite_blocks(variant)}
    return tuple(last[stage] for stage in SKIP_STAGES)


def _decoder(variant: int) -> Iterator[tuple[str, Shape]]:
    half, quarter, eighth, sixteenth, deepest = skip_channels(variant)
    yield from _unit("context_local", 1, deepest, CONTEXT_FILTERS)
    yield from _unit("context_wide", 1, deepest, POOLED_FILTERS)
    yield from _unit("context_whole", 1, deepest, POOLED_FILTERS)
    inputs = CONTEXT_FILTERS + 2 * POOLED_FILTERS
    yield from _unit("context", 3, inputs, CONTEXT_FILTERS)
    inputs = CONTEXT_FILTERS
    yield from _unit("edges", 3, half, EDGE_FILTERS)
    skips = (sixteenth, eighth, quarter + EDGE_FILTERS)
    for number, (skip, filters) in enumerate(zip(skips, DECODER_FILTERS, strict=True), start=1):
        yield from _unit(f"decoder{number}", 3, inputs + skip, filters)
        inputs = filters
    yield "head/kernel", (3, 3, inputs, PIXELS_PER_CELL * NUM_OUTPUTS)
    yield "head/bias", (PIXELS_PER_CELL * NUM_OUTPUTS,)


def light_shapes(variant: int = LITE_VARIANT) -> dict[str, Shape]:
    """Shapes of the light network's variables, by ``layer/variable``."""
    return {**dict(_encoder(variant)), **dict(_decoder(variant))}


def light_batch_norm(convolution: str) -> str:
    """The name of the batch norm behind a convolution; the last one has none."""
    return f"{convolution}_bn"


def is_light_encoder(layer_name: str) -> bool:
    """Whether a layer of the light network belongs to its encoder."""
    return layer_name.startswith(("stem", "block"))
