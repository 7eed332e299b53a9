"""Run models: `predictor` lends a model and makes predictions with it; `engines` has what runs it.

`layer` and `model_io` are here because the predictor and masking/ both use them: a room imports only those below it.
"""
