"""Read a question and write an answer as MLServer does by gRPC. It runs in the servers' environment: `real_servers`.

mlserver_numbers.py FOLDER imports what an export has put into the folder, and prints JSON: by the name of a model, the
Python types that the numbers of an input have, and those that an answer has, and the bytes of the answer.
"""

import asyncio
import json
import sys

sys.path.insert(0, sys.argv[1])

import numpy as np
import openvino_runtime
from mlserver import ModelSettings
from mlserver.grpc import dataplane_pb2, servicers


async def main() -> None:
    """Ask the exported model itself, and have a question to another one read."""
    settings = ModelSettings.parse_file(f"{sys.argv[1]}/model-settings.json")
    settings.parameters.uri = f"{sys.argv[1]}/model.xml"
    model = openvino_runtime.OpenVinoRuntime(settings)
    await model.load()
    facts = {}
    for name in (model.name, "another"):
        shape = list(settings.inputs[0].shape)
        question = dataplane_pb2.ModelInferRequest(model_name=name)
        question.inputs.add(name=settings.inputs[0].name, datatype="UINT8", shape=shape)
        question.raw_input_contents.append(np.full(shape, 7, np.uint8).tobytes())
        request = servicers.ModelInferRequestConverter.to_types(question)
        numbers = request.inputs[0].data.root
        response = await model.predict(request)
        given = type(response.outputs[0].data.root).__name__
        answer = servicers.ModelInferResponseConverter.from_types(response, use_raw=True)
        facts[name] = {
            "input": type(numbers).__name__,
            "sum": int(np.sum(numbers)),
            "output": given,
            "bytes": answer.raw_output_contents[0].hex(),
            "described": [[each.name, each.datatype, list(each.shape)] for each in answer.outputs],
        }
    await model.unload()
    print(json.dumps(facts))


asyncio.run(main())
