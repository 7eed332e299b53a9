"""What the masks of one scene's frames depend on besides each frame: what was seen in the frames before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from matted.inference.asking.memory import Memory
from matted.inference.layer import Layer
from matted.masking import ground
from matted.masking.ground import Ground
from matted.masking.steadying import Steadier
from matted.models.spec import ModelSpec

Floats = NDArray[np.float32]

# How much of the confidence that shows a subject is enough once there is one, so that it does not come and go.
_STAYING = 0.5
_APART = 2.0  # levels that two fields of a ground may differ by, beyond its noise, and be the same


class Scene:
    """What is known of a scene. For one frame at a time, in their order: the one whose turn it is.

    memory: what the model remembers.
    steadier: settles the mattes of a model that remembers nothing.
    """

    def __init__(self) -> None:
        self.memory = Memory()
        self.steadier = Steadier()
        self._looked = False
        self._ground: Ground | None = None
        self._has_subject = False

    @property
    def bytes(self) -> int:
        """The memory that it takes, about."""
        return self.memory.bytes + self.steadier.memory

    def find_ground(self, layer: Layer) -> Ground | None:
        """Return the flat ground of a frame: the one before, unless it is surely another by now. None if there is none.

        Where the first frame has none, no other has: a film is not made in two ways.
        """
        if self._looked and self._ground is None:
            return None
        found = ground.find(layer)
        if not self._looked or (found is not None and found.is_sure and _are_apart(found, self._ground)):
            self._ground = found
        self._looked = True
        return self._ground

    def shows_subject(self, confidence: float, floor: float) -> bool:
        """Return whether a frame shows a subject. floor: the confidence from which one comes into the scene."""
        self._has_subject = confidence >= (floor * _STAYING if self._has_subject else floor)
        return self._has_subject


def _are_apart(one: Ground, other: Ground | None) -> bool:
    if other is None:
        return True
    difference = np.abs(_colours(one) - _colours(other)).max()
    return bool(difference > other.noise + _APART)


def _colours(found: Ground) -> Floats:
    """Return the ground's colours at a few places."""
    field = found.field
    return field.sampled((0, 0, field.width, field.height), 3, 3)


class Frame:
    """A frame of a scene, from its arrival on. Its turn is over when nothing that follows needs it any more.

    scene: used in its turn alone.
    number: the how many-th it is, from 1 on.
    steady: whether its matte is to be settled over the frames before.
    passed: whether its turn is over.
    steadied: whether its matte was settled.
    """

    def __init__(self, scene: Scene, number: int, steady: bool, on_passed: Callable[[], None]) -> None:
        """on_passed: called when its turn is over, if the frame itself ends that."""
        self.scene = scene
        self.number = number
        self.steady = steady
        self.passed = self.steadied = False
        self._on_passed = on_passed

    def settled(self, layer: Layer, matte: Floats, spec: ModelSpec) -> Floats:
        """Return the matte of a frame, settled over those before if it is to be. In its turn, once.

        That of a model with a memory is steady, that of one with a plate may be exact, and an empty one says nothing.

        layer: the frame.
        matte: rows x columns, 0..1, of any size.
        spec: the model that made it.
        """
        if not self.steady or spec.remembers or spec.needs_plate or not matte.any():
            return matte
        self.steadied = True
        return self.scene.steadier.settle(layer, matte)

    def pass_on(self) -> None:
        """End its turn: the next frame may be looked at while this one's mask is finished."""
        self.passed = True
        self._on_passed()
