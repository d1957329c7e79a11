"""Argument parsing and one ``main`` per command; no domain code."""
