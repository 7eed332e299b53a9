"""Decode what Pillow does not decode right, or not at all: odd TIFF and PNG files, samples that are no bytes."""
