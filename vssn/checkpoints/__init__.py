"""The only readers and writers of .h5, .keras, .pb and TF1 checkpoint files."""
