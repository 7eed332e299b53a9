"""Choose the subject: what belongs to it, by the model's matte and by what a person said.

Each pixel has evidence, the logarithm of the odds that it is of the subject. The smoothest division that heeds it is
the answer (see cutting). The evidence is a sum:

- What the model believes, of the whole picture and of the box.
- Clicks: how near each place is to them (see influence).
- Colours of the subject and of the background, as they are by the last division, learned again a few times as in
  GrabCut (Rother, Kolmogorov and Blake, SIGGRAPH 2004). They count near clicks, or in a box.

Away from all clicks the model's matte stays. Within a box, the subject reaches its four sides nearly: where it does
not, the evidence rises along that side ("Image Segmentation with A Bounding Box Prior", Lempitsky, Kohli, Rother and
Sharp, ICCV 2009).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from matted.masking.interactive import cutting, influence
from matted.masking.interactive.appearance import Appearance, Histograms, Mixtures, opponent_colours
from matted.masking.interactive.hints import (
    Box,
    Floats,
    Grid,
    Hints,
    Marked,
    Marks,
    Shape,
    averaged,
    marked,
)
from matted.masking.interactive.influence import Influence
from matted.masking.rendering.regions import dilated, grown
from matted.masking.rendering.resampling import resized

WORKING_SIDE = 400  # pixels of the longer side at which the subject is chosen

_COARSE_SIDE = 200  # of the grid on which clicks spread and colours are learned
_MARGIN = 0.15  # of a box's width and height, on each side: what the model is shown besides
_DECIDED = 30.0  # evidence of what a person said: more than all other together
_CERTAIN = 0.02  # the model is never surer than 1 in 50
_SUBJECT = 0.5  # alpha from which a pixel is subject

# What the evidence is made of.
_MODEL = 0.5  # what the model believes, where clicks reach
_BACKGROUND_AT_KEEP = 0.65  # but its belief in background where keep clicks reach: they overshoot more often
_MODEL_AWAY = 2.0  # and away from them
_CLICK = 6.0  # a click, where it is
_COLOURS = 1.0  # colours, where clicks reach
_BOX_WHOLE = 0.2  # in a box, what the model believes of the whole picture
_BOX_LOOK = 0.35  # and of the box
_BOX_COLOURS = 0.6  # and colours
_BOX_LEVEL = 0.6  # and that there is a subject in it
_SMOOTHNESS = 2.0  # of a cut between equal colours

_GATE = 2.0  # how much further than its evidence a click lets colours count
_LEARNINGS = 2  # times that colours are learned
_STEPS = 40  # of the cut on the coarse grid
_FINE_STEPS = 20  # and at the working size

# Of a box.
_RING = 1.0  # of half its width and height: where background is seen around it
_GAP = 0.1  # of its width or height: a subject that stays further away from a side was missed there
_THIN = 0.02  # of its width or height: what is thinner does not count as reaching a side
_RAISED = (-2.0, -1.0, 0.0, 1.0)  # the least evidence there, raised until the subject reaches the side

# Of the answer.
_NEAR = 2.0  # how far from a click a change of the mask begins
_SOFT = 0.03  # share of the longer side, around what was changed, in which the model's softness is not kept


def looks(hints: Hints, width: int, height: int) -> list[Box]:
    """Return parts of the picture that the model is to be shown, too: left, top, right, bottom in pixels.

    hints: what a person said.
    width, height: of the picture.
    """
    if hints.box is None:
        return []
    left, top, right, bottom = hints.box
    across, down = _MARGIN * (right - left), _MARGIN * (bottom - top)
    return [
        (
            max(0, math.floor(left - across)),
            max(0, math.floor(top - down)),
            min(width, math.ceil(right + across)),
            min(height, math.ceil(bottom + down)),
        )
    ]


def segment(
    planes: NDArray[np.uint8],
    matte: Floats,
    looks: Sequence[tuple[Box, Floats]],
    hints: Hints,
    width: int,
    height: int,
    check: Callable[[], None],
) -> Floats:
    """Return the subject's matte: rows x columns, 0..1, above a half what belongs to it.

    planes: 3 x rows x columns, the picture averaged to WORKING_SIDE pixels of its longer side, or as it is if smaller.
    matte: 0..1, what the model believes of the whole picture, at any size.
    looks: what it believes of parts: left, top, right, bottom in pixels of the picture, and the matte of it.
    hints: what a person said.
    width, height: of the picture.
    check: called often; what it raises ends the work.

    With no hints it is the model's matte.
    """
    shape = (planes.shape[1], planes.shape[2])
    believed = resized(np.asarray(matte, np.float32), shape).clip(0, 1)
    fine = Grid(shape, width, height)
    said = marked(hints, fine)
    if not (said.subject.any() or said.background.any()):
        return believed
    choice = _Choice(opponent_colours(planes), believed, looks, hints, fine, said, check)
    return _softened(choice.divide(), believed, said, choice.near())


def agreed(decided: Floats, believed: Floats, hints: Hints, width: int, height: int) -> Floats:
    """Return the subject's matte where another model has chosen it by what a person said.

    decided: rows x columns, 0..1, above a half what belongs to it.
    believed: rows x columns, 0..1, the matte of a model that was told nothing. Where both have the same edge, its
        softness stays.
    hints: a box and clicks, which count more than either.
    width, height: of the picture.
    """
    said = marked(hints, Grid((decided.shape[0], decided.shape[1]), width, height))
    return _softened(decided, believed, said, np.ones(decided.shape, bool))


class _Scale:
    """The picture at one of the two sizes.

    grid: of its cells.
    colours: 3 x rows x columns, opponent colours.
    believed: rows x columns, the matte of the whole picture.
    said: what is decided.
    """

    def __init__(self, grid: Grid, colours: Floats, believed: Floats, said: Marked) -> None:
        self.grid = grid
        self.colours = colours
        self.believed = believed
        self.said = said
        self.weights = cutting.contrast_weights(colours, _SMOOTHNESS)

    def cut(self, evidence: Floats, start: Floats, steps: int) -> Floats:
        """Return the division by the evidence and by what was said."""
        return cutting.cut(self.said.impose(evidence, -_DECIDED, _DECIDED), self.weights, start, steps)


class _Choice:
    """The choice for one picture and its hints."""

    def __init__(
        self,
        colours: Floats,
        believed: Floats,
        looks: Sequence[tuple[Box, Floats]],
        hints: Hints,
        grid: Grid,
        said: Marked,
        check: Callable[[], None],
    ) -> None:
        self._hints = hints
        self._looks = looks
        self._check = check
        self._fine = _Scale(grid, colours, believed, said)
        shrinkage = max(1.0, max(grid.shape) / _COARSE_SIDE)
        shape = (max(1, round(grid.shape[0] / shrinkage)), max(1, round(grid.shape[1] / shrinkage)))
        small = Grid(shape, grid.width, grid.height)
        self._coarse = _Scale(
            small,
            np.stack([averaged(colour, shape) for colour in colours]),
            averaged(believed, shape),
            marked(hints, small),
        )
        self._influence: Influence | None = None

    def divide(self) -> Floats:
        """Return the division at the working size."""
        small = self._coarse
        self._check()
        self._influence = influence.spread(small.grid, small.colours, small.believed, small.said, self._hints)
        self._check()
        evidence = _Evidence(self._influence, self._hints.box is not None)
        belief = self._belief(small)
        plain = evidence.plain(belief, small.grid.shape)
        division = small.said.impose(_odds_to_share(plain), 0, 1)
        if self._hints.box is not None:
            return self._in_box(evidence, belief, division, self._hints.box)
        for _ in range(_LEARNINGS):
            appearance, division = self._learned(evidence, belief, division, 1 - division)
        return self._refined(evidence, self._belief(self._fine), appearance, division, self._fine.said)

    def near(self) -> Marks:
        """Return where changes of the matte begin: near what was said."""
        fine = self._fine
        near = fine.said.subject | fine.said.background
        if self._hints.box is not None:
            near[fine.grid.limits(self._hints.box)] = True
        if self._influence is not None:
            near |= resized(np.minimum(*self._influence), fine.grid.shape) < _NEAR
        return near

    def _refined(
        self, evidence: _Evidence, belief: Floats, appearance: Appearance, division: Floats, said: Marked
    ) -> Floats:
        """Return the division at the working size, from that on the coarse grid."""
        fine = self._fine
        summed = said.impose(evidence.sum(belief, appearance.odds(fine.colours), fine.believed), -_DECIDED, _DECIDED)
        self._check()
        result = cutting.cut(summed, fine.weights, resized(division, fine.grid.shape), _FINE_STEPS)
        return said.impose(result, 0, 1)

    def _belief(self, scale: _Scale) -> Floats:
        """Return the evidence of the model."""
        if self._hints.box is None or not self._looks:
            return np.float32(_MODEL) * _log_odds(scale.believed)
        belief = np.float32(_BOX_WHOLE) * _log_odds(scale.believed) + np.float32(_BOX_LEVEL)
        for box, look in self._looks:
            seen = scale.believed.copy()
            rows, columns = scale.grid.nearly(box)
            seen[rows, columns] = resized(look, (rows.stop - rows.start, columns.stop - columns.start))
            belief += np.float32(_BOX_LOOK) * _log_odds(seen)
        return belief

    def _in_box(self, evidence: _Evidence, belief: Floats, division: Floats, box: Box) -> Floats:
        """Return the division at the working size where there is a box."""
        small, fine = self._coarse, self._fine
        background = (_around(small.grid, box) & small.said.background).astype(np.float32)
        if self._influence is not None:
            background = np.maximum(background, np.exp(-self._influence[1]))
        appearance, division = self._learned(evidence, belief, division, background)
        core = division > _SUBJECT
        keepable = np.ones_like(core) if self._influence is None else np.less_equal(*self._influence)
        missed, least = np.zeros_like(core), _RAISED[0]
        for level in _RAISED:
            labels = division > _SUBJECT
            division = np.where(labels & ~grown(core, labels), np.float32(0), division)
            more = _missed(division > _SUBJECT, small.grid, box) & keepable
            if not more.any():
                break
            missed, least = missed | more, level
            raised = np.where(missed, np.maximum(belief, np.float32(least)), belief)
            appearance, division = self._learned(evidence, raised, division, background)
        labels = division > _SUBJECT
        stray = labels & ~grown(core, labels)
        division = np.where(stray, np.float32(0), division)
        belief = self._belief(fine)
        belief = np.where(_enlarged(missed, fine), np.maximum(belief, np.float32(least)), belief)
        said = Marked(fine.said.subject, fine.said.background | (_enlarged(stray, fine) & ~fine.said.subject))
        return self._refined(evidence, belief, appearance, division, said)

    def _learned(
        self, evidence: _Evidence, belief: Floats, division: Floats, background: Floats
    ) -> tuple[Appearance, Floats]:
        """Return the colours by a division on the coarse grid, and the next division by them.

        background: how much each cell counts as background.
        """
        small = self._coarse
        learned = Histograms if self._hints.box is None else Mixtures
        appearance = learned(small.colours, division, background)
        summed = evidence.sum(belief, appearance.odds(small.colours), small.believed)
        division = small.cut(summed, _odds_to_share(summed), _STEPS)
        self._check()
        return appearance, division


class _Evidence:
    """How evidence is summed.

    far: the influence of what was said, on the coarse grid; None if only a box was said.
    boxed: whether there is a box: then colours count all over it.
    """

    def __init__(self, far: Influence | None, boxed: bool) -> None:
        self._far = far
        self._boxed = boxed

    def plain(self, belief: Floats, shape: Shape) -> Floats:
        """Return the evidence without colours."""
        if self._far is None:
            return belief
        keep, drop = (resized(far, shape) for far in self._far)
        if not self._boxed:
            doubted = (keep < drop) & (belief < 0)
            belief = np.where(doubted, belief * np.float32(_BACKGROUND_AT_KEEP / _MODEL), belief)
        return np.asarray(belief + np.float32(_CLICK) * (np.exp(-keep) - np.exp(-drop)))

    def sum(self, belief: Floats, colours: Floats, believed: Floats) -> Floats:
        """Return all evidence."""
        plain = self.plain(belief, (belief.shape[0], belief.shape[1]))
        if self._boxed or self._far is None:
            return plain + np.float32(_BOX_COLOURS if self._boxed else _COLOURS) * colours
        keep, drop = (resized(far, (belief.shape[0], belief.shape[1])) for far in self._far)
        gate = np.minimum(np.float32(1), np.float32(2) * np.exp(np.minimum(keep, drop) / np.float32(-_GATE)))
        here = plain + np.float32(_COLOURS) * colours
        away = np.float32(_MODEL_AWAY) * _log_odds(believed)
        return np.asarray(gate * here + (np.float32(1) - gate) * away)


def _around(grid: Grid, box: Box) -> Marks:
    """Return the cells in and around a box."""
    left, top, right, bottom = box
    across, down = _RING * (right - left) / 2, _RING * (bottom - top) / 2
    around = np.zeros(grid.shape, bool)
    around[grid.limits((round(left - across), round(top - down), round(right + across), round(bottom + down)))] = True
    return around


def _missed(labels: Marks, grid: Grid, box: Box) -> Marks:
    """Return the cells along those sides of the box that the subject does not reach."""
    missed = np.zeros_like(labels)
    rows, columns = grid.limits(box)
    inside = labels[rows, columns]
    for along, part in ((inside, missed[rows, columns]), (inside.T, missed[rows, columns].T)):
        length, breadth = along.shape
        there = np.flatnonzero(along.sum(axis=1) > max(1, _THIN * breadth))
        first, last = (there[0], there[-1] + 1) if len(there) else (length // 2, length // 2)
        if first > _GAP * length:
            part[:first] = True
        if length - last > _GAP * length:
            part[last:] = True
    return missed


def _softened(divided: Floats, believed: Floats, said: Marked, near: Marks) -> Floats:
    """Return the division with the model's softness where both have the same edge, else with that of the division.

    near: where changes begin. What was changed without a way to there stays as the model believes.
    """
    differing = (divided > _SUBJECT) != (believed > _SUBJECT)
    changed = grown(differing & near, differing)
    kept_as_believed = differing & ~changed
    for step in range(math.ceil(_SOFT * max(changed.shape))):
        changed = dilated(changed, corners=step % 2 == 1)
    return said.impose(np.where(changed & ~kept_as_believed, divided, believed), 0, 1)


def _enlarged(marks: Marks, scale: _Scale) -> Marks:
    """Return marks of the coarse grid at another size."""
    return resized(marks.astype(np.float32), scale.grid.shape) > np.float32(0.5)


def _log_odds(share: Floats) -> Floats:
    share = share.clip(_CERTAIN, 1 - _CERTAIN)
    return np.asarray(np.log(share / (np.float32(1) - share)))


def _odds_to_share(odds: Floats) -> Floats:
    return np.asarray(np.float32(1) / (np.float32(1) + np.exp(-odds)))
