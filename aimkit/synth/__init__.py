"""Dataset synthesis: a recipe and an index determine a sample. NumPy and OpenCV only; never imports torch."""
