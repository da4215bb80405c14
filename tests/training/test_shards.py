"""Checkpoints by member: what other hosts left is gone on with, member by member."""

from __future__ import annotations

import pathlib
from typing import Any

import chex
import jax
import numpy as np
import pytest

from jaxtsad.training import fit, fleet, shards
from jaxtsad.training.hosts import Hosts, checked
from jaxtsad.training.plan import Plan
from jaxtsad.training.shards import Shards
from tests.training.test_fit import DETECTOR, views

LENGTHS = [600, 300, 450, 350]
NAMES = [(f"e{place}", 7) for place in range(4)]
PLAN = Plan(epochs=6, patience=6, checkpoint_seconds=0.0)
IDENTITY = {"config": "x"}


def train(
    members: list[int], saved: Any = None, stretches: int | None = None
) -> fit.Result:
    left = stretches

    def stop() -> bool:
        nonlocal left
        left = None if left is None else left - 1
        return left == 0

    pairs = [views(LENGTHS[place], place) for place in members]
    keys = jax.random.split(jax.random.key(3), 4)
    return fit.fit(
        keys[np.array(members)],
        DETECTOR,
        fleet.stack([source for source, _ in pairs]),
        validations=fleet.stack([held_out for _, held_out in pairs]),
        plan=PLAN,
        checkpoints=saved,
        callbacks=fit.Callbacks(stop=stop),
    )


def share(
    folder: pathlib.Path, members: list[int], attempt: int, host: int, number: int = 2
) -> Shards:
    names = [NAMES[place] for place in members]
    return Shards(folder, IDENTITY, names, attempt, Hosts(number, host))


def begun(folder: pathlib.Path) -> None:
    """Two hosts, killed at different moments."""
    for host, (members, stretches) in enumerate((([0, 1], 4), ([2, 3], 4))):
        [(group, shard)] = share(folder, members, 1, host).fleets(2)
        assert group == [0, 1] and shard.restore({}) is None
        with pytest.raises(fit.Interrupted):
            train(members, shard, stretches)


def test_members_go_on_on_any_number_of_hosts(tmp_path: pathlib.Path) -> None:
    whole = train([0, 1, 2, 3])
    begun(tmp_path)
    for host, members in enumerate(([3], [0, 1, 2])):  # the same, in other hands
        fleets = share(tmp_path, members, 2, host).fleets(len(members))
        assert sorted(place for group, _ in fleets for place in group) == [
            *range(len(members))
        ]
        assert len(fleets) == len(members) - host
        for group, shard in fleets:
            own = [members[place] for place in group]
            result = train(own, shard)
            for row, place in enumerate(own):
                chex.assert_trees_all_close(
                    fleet.member(result.model, row),
                    fleet.member(whole.model, place),
                    atol=1e-6,
                )
                assert (
                    result.progress.best_epoch[row]
                    == (whole.progress.best_epoch[place])
                )
    # All ended: nothing is trained again.
    for group, shard in share(tmp_path, [0, 1, 2, 3], 3, 0).fleets(4):
        assert train(group, shard, 1).progress.best_epoch.tolist() == [
            whole.progress.best_epoch[place] for place in group
        ]
    shards.clean(tmp_path, 3)
    assert {path.name[0] for path in tmp_path.iterdir()} == {"3"}


def test_the_furthest_whole_checkpoint_counts(tmp_path: pathlib.Path) -> None:
    begun(tmp_path)
    [(_, shard)] = share(tmp_path, [2, 3], 2, 0).fleets(2)
    with pytest.raises(fit.Interrupted):
        train([2, 3], shard, 2)
    steps = sorted(path.name for path in shard.folder.iterdir())
    assert len(steps) == 2
    arrays = shard.folder / steps[-1] / shards.ARRAYS
    arrays.write_bytes(arrays.read_bytes()[:-9])
    (group, again), *others = share(tmp_path, [3, 2], 3, 0).fleets(2)
    assert group == [1, 0] or sorted(group) == [0, 1]
    assert not others
    assert {each.folder for each in again._sources} == {shard.folder / steps[0]}


def test_shards_of_another_model_are_refused(tmp_path: pathlib.Path) -> None:
    begun(tmp_path)
    other = Shards(tmp_path, {"config": "y"}, NAMES, 2, Hosts())
    with pytest.raises(ValueError, match="config was 'x' and is 'y' now"):
        other.fleets(4)


def test_shares_are_disjoint_whole_and_even() -> None:
    for number in (1, 2, 3, 5):
        shares = [Hosts(number, host).share(13) for host in range(number)]
        assert [place for each in shares for place in each] == list(range(13))
        sizes = [len(each) for each in shares]
        assert max(sizes) - min(sizes) <= 1
    with pytest.raises(ValueError, match="host=2 must be a whole number from 0 to 1"):
        checked(2, 2)
    with pytest.raises(ValueError, match="hosts=0 must be"):
        checked(0, 0)


def rounds(where: int, members: list[int]) -> dict[str, Any]:
    """What a host of a federation saves after so many rounds."""
    return {
        "where": np.array([where, 0, 1], np.int32),
        "spent": np.zeros(3, np.float32),
        "model": np.array([10 * where + place for place in members], np.float32),
        "progress": {"active": np.ones(len(members), bool)},
    }


def test_a_federation_goes_on_where_all_hosts_can(tmp_path: pathlib.Path) -> None:
    def saved(members: list[int], attempt: int, host: int, *where: int) -> None:
        shard = share(tmp_path, members, attempt, host).of_federation()
        for each in where:
            shard.save(each, rounds(each, members))

    def found(attempt: int) -> list[list[float]]:
        """By three hosts."""
        made = []
        for host, members in enumerate(([0], [3, 1], [2])):
            shard = share(tmp_path, members, attempt, host, 3).of_federation()
            like = jax.tree.map(
                lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype),
                rounds(0, members),
            )
            tree = shard.restore(like)
            made.append([] if tree is None else tree["model"].tolist())
        return made

    assert found(2) == [[], [], []]
    saved([0, 1], 1, 0, 4, 5, 6)
    saved([2, 3], 1, 1, 4, 5)  # killed before it had saved the sixth
    assert found(2) == [[50], [53, 51], [52]]
    saved([0, 1], 2, 0, 6)  # one of the next two hosts, killed before the other saved
    assert found(3) == [[50], [53, 51], [52]]
    saved([2, 3], 2, 1, 6)
    assert found(3) == [[60], [63, 61], [62]]
