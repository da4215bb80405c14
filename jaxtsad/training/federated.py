"""One model of members whose data stay apart: rounds of training and averaging.

In a round every member trains from the common parameters on its own data. What it has
moved them by, its update, is all that leaves it; the common parameters move by the mean
of the updates, weighted by numbers of windows. The state of a member's optimizer, and
whatever else only its training needs, stays with it from round to round.

Members may be on several hosts (`fleet.on_hosts("federated")`), each of which adds up
the weighted updates of its own and exchanges the sums; noise is added to that of host
0. It protects members from whoever has the model, not hosts from each other.

References:
    McMahan, Moore, Ramage, Hampson, Agüera y Arcas, "Communication-Efficient Learning
    of Deep Networks from Decentralized Data", AISTATS 2017 (FedAvg); Li, Sahu, Zaheer,
    Sanjabi, Talwalkar, Smith, "Federated Optimization in Heterogeneous Networks",
    MLSys 2020 (FedProx); McMahan, Ramage, Talwar, Zhang, "Learning Differentially
    Private Recurrent Language Models", ICLR 2018 (clipping and noise).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxtsad import validation
from jaxtsad.training import fleet, hosts, loop, plan, privacy, programs, rounds
from jaxtsad.training.checkpoints import Saved
from jaxtsad.training.loop import Callbacks, Result
from jaxtsad.types import Detector, Key, Metrics, PyTree, State
from jaxtsad.validation import InnerShare, NotNegative, Size


@validation.config
class Federated:
    """How members that keep their data to themselves make one model.

    Attributes:
        rounds: At most this many rounds, in the place of epochs.
        local_epochs: Epochs that every member trains in a round.
        proximal: Weight mu of mu / 2 |w - w_common|^2 in each member's loss, which
            holds it near the common parameters (FedProx); 0 for none (FedAvg).
        clip_updates: Largest norm of a member's update; 0 does not clip.
        noise: Gaussian noise on the mean of the updates: its standard deviation over
            the most that a member can add to it, which is `clip_updates` times the
            largest share of the windows. With noise the last round's model is the
            result: to choose one by validation losses would tell of data without noise.
        delta: For which the privacy spent is told (see `training.privacy.spent`). It
            holds for whoever does not know the seed, of which the noise is made.

    Raises:
        ValueError: If a value is out of range, or there is noise without clipping.
    """

    rounds: Size = 10
    local_epochs: Size = 1
    proximal: NotNegative = 0.0
    clip_updates: NotNegative = 0.0
    noise: NotNegative = 0.0
    delta: InnerShare = 1e-5

    def __post_init__(self) -> None:
        if self.noise and not self.clip_updates:
            raise ValueError(
                f"noise={self.noise} needs clip_updates above 0: without it there is "
                "no most that a member can add"
            )

    @property
    def epsilon(self) -> float:
        """Privacy spent on one member by all rounds; infinite without noise."""
        return privacy.spent(self.noise, self.rounds, self.delta)

    @property
    def words(self) -> str:
        """What is told of privacy."""
        if not self.noise:
            return "no noise was added to updates: no privacy is promised"
        return (
            f"privacy that the model spends on each entity in {self.rounds} rounds: "
            f"epsilon {self.epsilon:.3g} at delta {self.delta:g} (zCDP of the Gaussian "
            "mechanism); scalers and thresholds stay with their entity"
        )


def check(name: str, detector: Detector, steps: int, federated: Federated) -> None:
    """Refuses detectors that have no parameters to average.

    Args:
        name: Of the detector.
        detector: The detector.
        steps: Its steps per epoch.
        federated: How it would be trained.

    Raises:
        ValueError: If it is solved in closed form or on the host, or cannot be held
            near the common parameters.
    """
    if not steps or detector.refresh is not None:
        how = "solved in closed form" if not steps else "fitted on the host in part"
        raise ValueError(
            f'pooling="federated" averages what is trained by gradients; {name} is '
            f'{how}: choose pooling="per_entity" or "pooled"'
        )
    if federated.proximal and detector.advance_near is None:
        raise ValueError(
            f"proximal={federated.proximal} is not offered by {name}; 0 averages it "
            "without"
        )


def fit(
    keys: Key,
    detector: Detector,
    sources: Any,
    *,
    federations: Sequence[int],
    federated: Federated,
    validations: Any = None,
    validated: np.ndarray | None = None,
    plan: plan.Plan,
    checkpoints: Saved | None = None,
    callbacks: Callbacks | None = None,
) -> Result:
    """Trains one model per federation, a round in one program.

    Args:
        keys: `[M]` keys, equal within a federation, of which the first round starts.
        detector: What to train.
        sources: View of the fit part, stacked `[M, ...]`.
        federations: `[M]` the federation of each member, counted from 0.
        federated: Rounds and what is done with updates.
        validations: View of the validation part, stacked `[M, ...]`, or None.
        validated: `[M]` bool, members whose validation part is real; None for all.
        plan: Schedule and early stopping, by the mean validation loss of a federation;
            a round is an epoch of these.
        checkpoints: Where to save, and to resume from when something is there.
        callbacks: Whom training reports to, an epoch being a round.

    Returns:
        Each member's model, which is that of its federation, stacked `[M, ...]`.

    Raises:
        Interrupted: When `callbacks.stop` says so; with `checkpoints` nothing is lost.
        ValueError: If a checkpoint cannot be written or is of another model.
    """
    real = fleet.members_of(sources)
    groups = np.asarray(federations)
    firsts = np.unique(groups, return_index=True)[1]
    given = np.ones(real, bool) if validated is None else validated
    if validations is None:
        given = np.zeros(real, bool)
    windows = np.asarray(sources.weight, np.float64).sum(axis=1)
    several = fleet.is_federated_on_hosts()
    (shares, largest), (counted, checked) = (
        _shares(groups, weight, several) for weight in (windows, windows * given)
    )
    noisy = largest if not several or jax.process_index() == 0 else 0 * largest
    steps = detector.steps(fleet.member(sources, 0))
    plan = dataclasses.replace(plan, epochs=federated.rounds)
    if federated.noise:
        plan = dataclasses.replace(plan, stop="none")
    noise_keys = rounds.noise_keys(keys[firsts])
    devices = fleet.devices_for(real)
    keys, sources = fleet.place((keys, sources), devices)
    members = fleet.members_of(sources)
    copies = members - real  # They take part in nothing.
    groups = np.pad(groups, (0, copies))
    shares, counted = (np.pad(s, ((0, 0), (0, copies))) for s in (shares, counted))
    alone = programs.compiled(detector, members, plan.members, devices)
    advance = rounds.compiled(
        detector, members, plan.members, devices, steps, federated, several
    )

    def init(keys: Key, sources: Any) -> State:
        """The first model, without a look at anybody's data; on hosts that of one."""
        state = alone.init(keys, sources.with_arrays(values=0 * sources.values))
        if not several:
            return state
        one = jax.tree.map(lambda leaf: np.asarray(leaf[firsts]), state.model)
        model = jax.tree.map(
            lambda leaf, own: jax.device_put(leaf[groups], own.sharding),
            hosts.of_first(one),
            state.model,
        )
        return state._replace(model=model)

    def validate(keys: Key, model: PyTree, sources: Any) -> Metrics:
        assert alone.validate is not None
        metrics = {
            name: _mean_of(counted, np.asarray(value))
            for name, value in alone.validate(keys, model, sources).items()
        }
        metrics = hosts.added(metrics) if several else metrics
        return {name: value[groups] for name, value in metrics.items()}

    in_common = (np.float32(shares), np.float32(noisy), groups, noise_keys)
    training = loop.Loop(
        detector,
        alone._replace(
            init=init,
            advance=functools.partial(advance, *in_common),
            validate=None if alone.validate is None else validate,
        ),
        sources,
        1,
        plan,
        keys,
        members,
        callbacks or Callbacks(),
        checkpoints,
    )
    training.in_step = several
    training.progress.active[real:] = False
    if checked.any() and detector.validate is not None:
        # Where other hosts validate this one does, too: what it has counts for nothing.
        checks = fleet.place(validations, devices) if given.any() else sources
        training.validations = checks
        training.validated[:real] = (checked > 0)[groups[:real]]
    return training.run(real)


def _shares(
    groups: np.ndarray, weight: np.ndarray, several: bool
) -> tuple[np.ndarray, np.ndarray]:
    """`[F, M]` share of each member in its federation, 0 in the others.

    And `[F]` the largest of a member, wherever it is; 0 where nobody counts.
    """
    part = (np.unique(groups)[:, None] == groups) * weight
    total, most = part.sum(axis=1), part.max(axis=1)
    if several:
        total = np.asarray(hosts.added(np.float32(total)), np.float64)
        most = np.asarray(hosts.most(most), np.float64)
    total = np.where(total > 0, total, 1.0)
    return part / total[:, None], most / total


def _mean_of(shares: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Of each federation the mean of a metric; members without a share have none."""
    mean: np.ndarray = np.where(shares > 0, value, 0) * shares
    return mean.sum(axis=1).astype(np.float32)
