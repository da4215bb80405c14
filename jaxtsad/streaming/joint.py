"""An ensemble as a scorer of steps that come: its members' scores, joined."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxtsad.pipeline import ensembles
from jaxtsad.pipeline.members import Fitted
from jaxtsad.streaming.scorer import Scorer
from jaxtsad.training import arrays


class JointScorer:
    """Scores steps of M entities, in order, by the members of an ensemble.

    Args:
        fitted: The ensemble, of as many models as entities, or one that all share.
        entities: Number M of entities.
    """

    def __init__(self, fitted: Fitted, entities: int) -> None:
        self.fitted, self.entities = fitted, entities
        self.scorers = [Scorer(one, entities) for one in fitted.components]
        index = [0] * entities if len(fitted.members) == 1 else range(entities)
        self._joint = [arrays.chosen(each, list(index)) for each in fitted.joint]

    @property
    def channels(self) -> int:
        """Number of channels C."""
        return self.fitted.layout.channels

    def scores(self, values: np.ndarray, jumps: np.ndarray | None = None) -> np.ndarray:
        """Scores `[K, M]` of the next steps, as `Scorer.scores` does."""
        each = [(list(scorer.scores(values, jumps).T), None) for scorer in self.scorers]
        if not len(values):
            return np.zeros((0, self.entities), np.float32)
        made = ensembles.outputs(self.fitted.setup, self._joint, each)
        return np.stack(made, axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that goes on from one step to the next, by name."""
        return {
            f"{number}/{name}": array
            for number, scorer in enumerate(self.scorers)
            for name, array in scorer.arrays().items()
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `arrays` gave.

        Raises:
            ValueError: If they are not of such a scorer.
        """
        for number, scorer in enumerate(self.scorers):
            own = f"{number}/"
            scorer.restore(
                {n.removeprefix(own): a for n, a in arrays.items() if n.startswith(own)}
            )
