"""Training of the three networks. TensorFlow is imported by its modules, never by this file."""
