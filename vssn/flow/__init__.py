"""Optical flow and warping."""
