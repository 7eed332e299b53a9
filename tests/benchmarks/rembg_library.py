"""rembg as a library, with its session in memory. Runs in rembg's own environment, started by `peer`.

Reads paths of pictures, a line each, and answers each with the seconds that the mask took; decoding does not count.
"""

from __future__ import annotations

import sys
import time

from PIL import Image
from rembg import new_session, remove

Image.MAX_IMAGE_PIXELS = None
session = new_session(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    with Image.open(line.rstrip("\n")) as image:
        image.load()
        start = time.perf_counter()
        remove(image, session=session, only_mask=True)
        print(time.perf_counter() - start, flush=True)
