"""What the labels show: objects, how far they are, and their drawing."""
