"""Keep a server busy by Triton's own client: several requests in flight, their input ready in memory.

plain_loop.py URL binary|json MODEL SIDE IN_FLIGHT COUNT prints the seconds a picture. It runs in the servers'
environment: see `real_servers`.
"""

import sys
import threading
import time

import numpy as np


def main(url: str, form: str, model: str, side: str, in_flight: str, count: str) -> None:
    """Ask, and print the seconds a picture, without those at the beginning and at the end."""
    protocol, address = url.split("://")
    planes = np.random.default_rng(0).integers(0, 256, (1, 3, int(side), int(side)), np.uint8)
    left, ends = list(range(int(count))), []

    def ask() -> None:
        if protocol == "grpc":
            from tritonclient import grpc as client

            server, binary = client.InferenceServerClient(address), {}
        else:
            from tritonclient import http as client

            server, binary = client.InferenceServerClient(address), {"binary_data": form == "binary"}
        given = client.InferInput("image", planes.shape, "UINT8")
        given.set_data_from_numpy(planes, **binary)
        wanted = [client.InferRequestedOutput("matte", **binary)]
        while True:
            try:
                left.pop()
            except IndexError:
                return
            server.infer(model, [given], outputs=wanted).as_numpy("matte")
            ends.append(time.monotonic())

    threads = [threading.Thread(target=ask) for _ in range(int(in_flight))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ends.sort()
    margin = int(in_flight)
    middle = ends[margin:-margin]
    print((middle[-1] - middle[0]) / (len(middle) - 1))


main(*sys.argv[1:])
