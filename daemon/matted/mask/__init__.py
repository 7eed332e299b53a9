"""Make a mask of a prediction: decide on the subject, render the matte at full size, refine its edge, tune it."""
