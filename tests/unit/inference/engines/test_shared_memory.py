"""Shared memory: arrays arrive as they were put, at any size, and nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matted.inference.engines import shared_memory
from matted.inference.engines.shared_memory import Reader, Writer

Ends = tuple[Writer, Reader]
ELSEWHERE = """
import sys
import numpy as np
from matted.inference.engines.shared_memory import ArrayPlace, Reader
handle, mapped, offset, rows = sys.argv[1:]
place = ArrayPlace(int(mapped), int(offset), (int(rows), 3), "|u1")
print(int(Reader(handle).get([place])[0].sum()))
"""


TOO_LARGE = """
import resource, signal
import numpy as np
from matted.inference.engines import shared_memory
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = shared_memory.Writer(shared_memory.create())
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    writer.put([np.zeros(3 << 20, np.uint8)])
except MemoryError as error:
    print("refused:", error)
"""


@pytest.fixture
def ends() -> Iterator[Ends]:
    writer, reader = pair()
    yield writer, reader
    writer.close()


def pair() -> Ends:
    handle = shared_memory.create()
    return Writer(handle), Reader(handle)


def test_arrays_of_any_type_come_out_as_they_went_in(ends: Ends) -> None:
    writer, reader = ends
    random = np.random.default_rng(1)
    arrays = [random.integers(0, 256, (3, 7, 5), np.uint8), random.normal(size=(1, 9)).astype(np.float32), np.zeros(0)]
    for one, other in zip(reader.get(writer.put(arrays)), arrays, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_an_array_that_is_not_contiguous_is_copied_in_its_order(ends: Ends) -> None:
    writer, reader = ends
    array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5).transpose(2, 0, 1)[:, ::2]
    np.testing.assert_array_equal(reader.get(writer.put([array]))[0], array)


def test_the_memory_grows_and_what_was_read_before_stays_readable(ends: Ends) -> None:
    writer, reader = ends
    small, large = np.full(1000, 7, np.uint8), np.full(5_000_000, 9, np.uint8)
    first = reader.get(writer.put([small]))[0]
    second = reader.get(writer.put([large]))[0]
    assert (second == 9).all() and (first == 9).all()  # the same place, and no longer its own


def test_arrays_begin_at_multiples_of_a_vector(ends: Ends) -> None:
    writer, _ = ends
    places = writer.put([np.zeros(1, np.uint8), np.zeros(65, np.uint8), np.zeros(3, np.float32)])
    assert [place.offset for place in places] == [0, 64, 192]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=5))
def test_a_place_never_reaches_beyond_what_is_mapped(sizes: list[int]) -> None:
    writer, _ = pair()
    places = writer.put([np.zeros(size, np.uint8) for size in sizes])
    assert all(place.offset + place.shape[0] <= place.mapped for place in places)
    writer.close()


def test_another_process_reads_them(ends: Ends) -> None:
    writer, _ = ends
    array = np.arange(300, dtype=np.uint8).reshape(100, 3)
    (place,) = writer.put([array])
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, writer.handle, str(place.mapped), str(place.offset), "100"],
        pass_fds=shared_memory.descriptors(writer.handle),
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == int(array.sum())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's descriptors")
def test_nothing_stays_open_and_closing_twice_does_no_harm() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    writer, _ = pair()
    writer.put([np.zeros(100, np.uint8)])
    writer.close()
    writer.close()
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the memory is a file or has a name")
def test_memory_that_the_system_does_not_have_is_a_memory_error() -> None:
    done = subprocess.run([sys.executable, "-c", TOO_LARGE], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused: the system has no 3145728 bytes of shared memory")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has memory with names")
def test_a_python_without_memfd_has_shared_memory_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    writer, reader = pair()
    array = np.arange(3_000_000, dtype=np.uint8)
    np.testing.assert_array_equal(reader.get(writer.put([array]))[0], array)
    writer.close()
