"""The rules that repeat the original scripts, faults included."""
