"""Ask a server by Triton's own client. It runs in the servers' environment: see `real_servers`.

plain_client.py URL binary|json MODEL INPUTS.npz OUTPUTS.npz writes what came back, and prints JSON.
"""

import json
import sys

import numpy as np


def main(url: str, form: str, model: str, question: str, answer: str) -> None:
    """Print what the server says of the model and of the inputs; write the outputs."""
    protocol, address = url.split("://")
    if protocol == "grpc":
        from tritonclient import grpc as client

        server = client.InferenceServerClient(address)
        metadata = server.get_model_metadata(model, as_json=True)
    else:
        from tritonclient import http as client

        server = client.InferenceServerClient(address)
        metadata = server.get_model_metadata(model)
    binary = {} if protocol == "grpc" else {"binary_data": form == "binary"}
    inputs = []
    for name, array in np.load(question).items():
        given = client.InferInput(name, array.shape, "UINT8" if array.dtype == np.uint8 else "FP32")
        given.set_data_from_numpy(array, **binary)
        inputs.append(given)
    wanted = [client.InferRequestedOutput(each["name"], **binary) for each in metadata["outputs"]]
    outputs, error = {}, ""
    try:
        found = server.infer(model, inputs, outputs=wanted)
        outputs = {each["name"]: found.as_numpy(each["name"]) for each in metadata["outputs"]}
    except client.InferenceServerException as exception:
        error = str(exception)
    np.savez(answer, **outputs)
    print(json.dumps({"metadata": metadata, "error": error}))


main(*sys.argv[1:])
