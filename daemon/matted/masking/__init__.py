"""Make a mask of a prediction: decide on the subject, clear the matte of haze, render it, refine its edge, tune it."""
