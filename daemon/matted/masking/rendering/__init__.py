"""Render a matte of any size as the mask of a picture or of a view of it: resampled, and cleared of haze."""

from matted.masking.rendering.blocks import EdgeRefiner, render

__all__ = ["EdgeRefiner", "render"]
