"""Lists, stills, clips and data sets on disk."""
