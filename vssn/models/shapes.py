"""Sizes that the networks share, known without Keras."""

FEATURE_SHAPE = (4, 5, 384)  # the flow network's deepest feature at its 208x304 input
