"""Put behind the module that an export has put on a server: tells of each inference there, or stands in for a GPU.

It runs with the server's Python. See `servers`.
"""

import time

import numpy as np
import openvino


def watch(file, seconds):
    """Have each inference write a line: when it began and ended by time.monotonic, and the processor time it took.

    seconds: that an inference takes in the place of OpenVINO's, without the processor, as one on a GPU; its answer is a
    disc. 0: OpenVINO runs the model.
    """
    create = openvino.CompiledModel.create_infer_request
    if hasattr(create, "watches"):  # MLServer imports the module twice
        return

    class Device:
        def __init__(self, request):
            self._request = request
            if seconds:
                for tensor in request.output_tensors:
                    rows, columns = tensor.shape[2:]
                    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
                    tensor.data[:] = np.clip((0.8 - np.hypot(x, y)) * 20 + 0.5, 0, 1)

        def infer(self, inputs, **options):
            begun, used = time.monotonic(), time.process_time()
            if seconds:
                time.sleep(seconds)
            else:
                self._request.infer(inputs, **options)
            with open(file, "a") as log:
                log.write(f"{begun} {time.monotonic()} {time.process_time() - used}\n")

        def __getattr__(self, name):
            return getattr(self._request, name)

    def watched(compiled):
        return Device(create(compiled))

    watched.watches = True
    openvino.CompiledModel.create_infer_request = watched
