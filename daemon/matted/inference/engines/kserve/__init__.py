"""Inference by a server that its user runs, which speaks KServe v2 (Open Inference Protocol) by gRPC or REST.

`server` knows what it can do now and tries again after a fault, `engine` is the Engine of one of its models;
`connection` is the interface of the two ways to it, `rest` and `rpc`.
"""
