"""The architectures as tables, from which every runtime builds; imports no Keras.

Names are the checkpoint contract. Sources: see :mod:`vssn.models.resnet50`,
:mod:`vssn.models.segnet`, :mod:`vssn.models.flownets` and :mod:`vssn.models.decision`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vssn.labels import NUM_OUTPUTS

Shape = tuple[int, ...]

# ResNet-50: (stage, filters of the three convolutions, blocks); stage 5 is not part of the model.
STAGES = ((2, (64, 64, 256), "abc"), (3, (128, 128, 512), "abcd"), (4, (256, 256, 1024), "abcdef"))
BATCH_NORM_EPSILON = 1e-3
SIZE_MULTIPLE = 32  # of the input's sides
OUTPUT_STRIDE = 2
DECODER_FILTERS = (512, 256, 128, 64)

# FlowNetS: (name, filters, kernel, stride) in order.
ENCODER = (
    ("conv1", 24, 7, 2),
    ("conv2", 48, 5, 2),
    ("conv3", 96, 5, 2),
    ("conv3_1", 96, 3, 1),
    ("conv4", 192, 3, 2),
    ("conv4_1", 192, 3, 1),
    ("conv5", 192, 3, 2),
    ("conv5_1", 192, 3, 1),
    ("conv6", 384, 3, 2),
    ("conv6_1", 384, 3, 1),
)
# (level, its skip feature, deconvolution filters), coarse to fine.
REFINEMENT = ((5, "conv5_1", 192), (4, "conv4_1", 96), (3, "conv3_1", 48), (2, "conv2", 24))
LEAK = 0.1
FLOW_UNIT = 5.0  # the network predicts flow in fifths of a grid cell
SCALE_CLASSES = 19  # Cityscapes' classes, which DVSNet was trained on

FEATURE_SHAPE = (4, 5, 384)  # FlowNetS' deepest feature at its 208x304 input
DENSE_UNITS = (1024, 1024, 10, 1)
DECISION_FILTERS = 96


def _convolution(name: str, size: int, inputs: int, filters: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}/kernel", (size, size, inputs, filters)
    yield f"{name}/bias", (filters,)


def _batch_norm(name: str, filters: int) -> Iterator[tuple[str, Shape]]:
    for variable in ("gamma", "beta", "moving_mean", "moving_variance"):
        yield f"{name}/{variable}", (filters,)


def _segnet() -> Iterator[tuple[str, Shape]]:
    yield from _convolution("conv1", 7, 3, 64)
    yield from _batch_norm("bn_conv1", 64)
    channels = 64
    for stage, (first, middle, last), blocks in STAGES:
        for block in blocks:
            branches = [
                ("2a", 1, channels, first),
                ("2b", 3, first, middle),
                ("2c", 1, middle, last),
            ]
            if block == "a":
                branches.append(("1", 1, channels, last))
            for branch, size, inputs, filters in branches:
                tail = f"{stage}{block}_branch{branch}"
                yield from _convolution(f"res{tail}", size, inputs, filters)
                yield from _batch_norm(f"bn{tail}", filters)
            channels = last
    for number, filters in enumerate(DECODER_FILTERS, start=1):
        yield from _convolution(f"conv2d_{number}", 3, channels, filters)
        yield from _batch_norm(f"batch_normalization_{number}", filters)
        channels = filters
    yield from _convolution(f"conv2d_{len(DECODER_FILTERS) + 1}", 3, channels, NUM_OUTPUTS)


def is_encoder(layer_name: str) -> bool:
    """Whether a layer of ResNet50-SegNet belongs to its encoder."""
    return layer_name.startswith(("res", "bn", "conv1"))


def segnet_batch_norm(convolution: str) -> str:
    """The name of the batch norm behind a convolution; the last one has none."""
    if convolution == "conv1":
        return "bn_conv1"
    if convolution.startswith("conv2d"):
        return convolution.replace("conv2d", "batch_normalization")
    return "bn" + convolution.removeprefix("res")


def segnet_shapes() -> dict[str, Shape]:
    """Shapes of ResNet50-SegNet's variables, by ``layer/variable``."""
    return dict(_segnet())


def _flownets() -> Iterator[tuple[str, Shape]]:
    channels = {}
    inputs = 6
    for name, filters, size, _ in ENCODER:
        yield from _convolution(name, size, inputs, filters)
        inputs = channels[name] = filters
    yield from _convolution("predict_flow6", 3, inputs, 2)
    for level, skip, filters in REFINEMENT:
        yield f"deconv{level}/kernel", (4, 4, filters, inputs)
        yield f"upsample_flow{level + 1}to{level}/kernel", (4, 4, 2, 2)
        inputs = channels[skip] + filters + 2
        yield from _convolution(f"predict_flow{level}", 3, inputs, 2)
    yield from _convolution("predict_scale", 3, inputs, SCALE_CLASSES)


def flownets_shapes() -> dict[str, Shape]:
    """Shapes of thin FlowNetS' variables, by ``layer/variable``."""
    return dict(_flownets())


def _decision() -> Iterator[tuple[str, Shape]]:
    height, width, channels = FEATURE_SHAPE
    yield from _convolution("Conv", 3, channels, DECISION_FILTERS)
    inputs = height * width * DECISION_FILTERS
    for index, units in enumerate(DENSE_UNITS):
        name = "fully_connected" if index == 0 else f"fully_connected_{index}"
        yield f"{name}/kernel", (inputs, units)
        yield f"{name}/bias", (units,)
        inputs = units


def decision_shapes() -> dict[str, Shape]:
    """Shapes of the decision network's variables, by ``layer/variable``."""
    return dict(_decision())
