"""Run models: `predictor` has one in memory and shows it a picture; `engines` are what runs it.

`layer` and `model_io` lie here, as both the predictor and mask/ build on them: rooms import only those below them.
"""
