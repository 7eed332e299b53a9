"""The models: which there are (`catalogue`, `own`), where weights come from (`sources`), their files (`store`).

A model with weights is data, a ModelSpec; nothing here runs one, except to convert it (`convert`).
"""
