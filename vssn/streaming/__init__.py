"""The adaptive segmenter, warping and schedules."""
