"""Start the Triton that pip's nvidia-pytriton brings, with the models beside this file. matted has put it here.

It listens on this computer alone. Arguments are passed on to tritonserver, and come after those from here. Triton's
Python backend needs a program beside it that is made for the version of Python, and the package has them all elsewhere:
so the backend is copied, 3 MB, and kept in the folder for caches.
"""

import os
import shutil
import sys
from importlib.metadata import version as version_of
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    """Become tritonserver."""
    found = find_spec("pytriton")
    if found is None or found.origin is None:
        sys.exit("nvidia-pytriton is not installed for this Python: pip install nvidia-pytriton openvino")
    package = Path(found.origin).parent
    triton = package / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = triton / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file():
        sys.exit(f"This Triton has no Python backend for Python {version}: use another Python.")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    backends = caches / "triton-backends" / f"{version_of('nvidia-pytriton')}-{version}"
    if not backends.is_dir():
        draft = backends.with_name(f"{backends.name}.{os.getpid()}.part")
        shutil.copytree(triton / "backends" / "python", draft / "python")
        shutil.copy(stub, draft / "python")
        draft.rename(backends)
    libraries = [str(package.parent / "nvidia_pytriton.libs"), os.environ.get("LD_LIBRARY_PATH", "")]
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, libraries))
    # The backend starts `python3`: this one, which has OpenVINO.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    program = triton / "bin" / "tritonserver"
    command = [str(program), f"--model-repository={Path(__file__).parent}", f"--backend-directory={backends}"]
    command += ["--http-address=127.0.0.1", "--grpc-address=127.0.0.1", "--allow-metrics=false", *sys.argv[1:]]
    os.execv(program, command)


if __name__ == "__main__":
    main()
