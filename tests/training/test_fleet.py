"""Stacking members: lengths, padding, and room for several stacks."""

from __future__ import annotations

import numpy as np

from jaxtsad import types
from jaxtsad.ops import windows
from jaxtsad.ops.windows import WindowView
from jaxtsad.training import fleet


def of(steps: int) -> WindowView:
    part, _ = types.cut_train(np.ones((steps, 2)), window=4, validation=0)
    return windows.view(part, 4, 1)


def test_stacks_with_room_have_one_shape_and_weigh_nothing_more() -> None:
    short, long = fleet.stack([of(20)] * 2), fleet.stack([of(50)], bucketed=True)
    room = fleet.padded_lengths([short, long])
    assert room["values"] == room["starts"] == 256
    for views, number in ((short, 17), (long, 47)):
        alone = [fleet.member(views, i) for i in range(len(views.weight))]
        padded = fleet.stack(alone, least=room)
        found = {name: getattr(padded, name).shape[1] for name in padded.ARRAYS}
        assert found == room
        assert np.all(np.asarray(padded.weight.sum(axis=1)) == number)
        assert np.all(np.asarray(padded.weight[:, number:]) == 0)
