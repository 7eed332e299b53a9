"""Harmful pages and files: what a browser can send to the port, model files that are none, decompression bombs."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import onnx
import pytest
from attacks.hostile import Stranger, browser
from conftest import Daemon
from matted_client.endpoint import read_connection
from onnx import TensorProto, helper
from png_files import png_claiming

# -- a page in a browser -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_a_page_in_a_browser_reaches_nothing_and_reads_nothing(daemon: Daemon, seed: int) -> None:
    """Requests, form posts and WebSocket handshakes: the connection ends, and no byte of an answer is HTTP."""
    with daemon.session() as session:
        before = session.status()["requests"]
        stranger = Stranger(read_connection(str(daemon.connection_file)), Random(seed))
        heard = b""
        try:
            browser(stranger)
            while data := stranger.socket.recv(4096):
                heard += data
        except ConnectionResetError:
            pass
        finally:
            stranger.socket.close()
        assert b"HTTP" not in heard and len(heard) <= 64, "at most libzmq's greeting, which is no secret"
        assert session.status()["requests"] == before + 1


# -- model files -------------------------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    """Make an ONNX model with graphs nested to this depth: GraphProto.node.attribute.g, as protobuf writes it."""

    def field(number: int, data: bytes) -> bytes:
        length, varint = len(data), b""
        while True:
            varint += bytes([length & 0x7F | (0x80 if length > 0x7F else 0)])
            length >>= 7
            if not length:
                return bytes([number << 3 | 2]) + varint + data

    graph = b""
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))
    return field(7, graph)


def outside() -> bytes:
    """Make a model whose weights are in a file outside its folder."""
    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 3, 1, 1])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../../../../../../../etc/passwd")
    return with_weights(weights)


def enormous() -> bytes:
    """Make a model of a few bytes that needs a tensor of 3 x 2^48 numbers."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [4], [1, 3, 1 << 25, 1 << 23])
    node = helper.make_node("ConstantOfShape", ["shape"], ["big"])
    add = helper.make_node("Add", ["img", "big"], ["alphas"])
    return model([node, add], [shape])


def with_weights(weights: TensorProto) -> bytes:
    return model([helper.make_node("Add", ["img", "w"], ["alphas"])], [weights])


def model(nodes: list[onnx.NodeProto], constants: list[TensorProto]) -> bytes:
    shape = [1, 3, 32, 32]
    graph = helper.make_graph(
        nodes,
        "bad",
        [helper.make_tensor_value_info("img", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("alphas", TensorProto.FLOAT, None)],
        constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 9
    return bytes(made.SerializeToString())


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 100) for level in range(9)
)
MODELS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "noise": ("x.onnx", lambda: bytes(range(256)) * 100),
    "nothing": ("x.onnx", lambda: b""),
    "a zip file": ("x.onnx", lambda: b"PK\3\4" + zlib.compress(bytes(1_000_000))),
    "graphs in graphs": ("x.onnx", lambda: nested(3000)),
    "weights elsewhere": ("x.onnx", outside),
    "a petabyte": ("x.onnx", enormous),
    "entities": ("x.xml", lambda: LAUGHS + b']><net name="&j;" version="11"></net>'),
    "a program": ("x.onnx", lambda: Path(sys.executable).read_bytes()[:100_000]),
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_file_that_is_none_is_refused_in_a_sentence(
    new_daemon: Callable[..., Daemon], tmp_path: Path, kind: str
) -> None:
    name, content = MODELS[kind]
    (tmp_path / name).write_bytes(content())
    (tmp_path / "x.bin").touch()
    daemon = new_daemon(weights=None)
    done = daemon.run("models", "add", str(tmp_path / name), "--like", "isnet-general-use", "--id", "bad")
    assert done.returncode == 1
    assert done.stderr.startswith("matted: ") and "Traceback" not in done.stderr
    assert not (daemon.data / "models" / "bad").exists()
    assert not (daemon.folder / "config" / "models.toml").exists()
    assert "root:" not in done.stdout + done.stderr


# -- pictures ----------------------------------------------------------------------------------------------------------


def test_a_picture_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(
    new_daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    """A PNG of some kilobytes that claims to have 2.5 gigapixels. Pillow's own limit stays on."""
    (tmp_path / "bomb.png").write_bytes(png_claiming(50_000, 50_000, bytes(10_000_000)))
    daemon = new_daemon(weights=None)
    done = daemon.run("remove", str(tmp_path / "bomb.png"))
    assert done.returncode == 1
    assert "bomb.png" in done.stderr and "Traceback" not in done.stderr and "Warning" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("matted: ")]) == 1
    assert not (tmp_path / "bomb-cutout.png").exists()
