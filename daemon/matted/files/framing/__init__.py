"""What a cut-out is shown on and how large: background, crop, size, square and a soft shadow."""
