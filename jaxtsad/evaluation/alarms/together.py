"""Event rules of many streams that step together: `rules.advance`, an array a field.

Shape letters: M streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jaxtsad.evaluation.alarms.rules import Alarm, Rules, State

NONE = State()
FIELDS = [name for name in State._fields if name != "step"]


class Together:
    """States of M streams, of which each has rules of its own.

    Args:
        rules: How scores of each become events.

    Attributes:
        step: Number of the next step, the same of all.
        fields: The fields of `State` by name, `[M]`.
    """

    def __init__(self, rules: Sequence[Rules]) -> None:
        self._opens = np.array([each.opens for each in rules])
        self._closes = np.array([each.closes for each in rules])
        self._patience = np.array([each.gap + 1 for each in rules])
        self._shortest = np.array([each.shortest for each in rules])
        self._cool_down = np.array([each.cool_down for each in rules])
        self.step = 0
        self.fields = {
            name: np.full(len(rules), getattr(NONE, name)) for name in FIELDS
        }

    @property
    def states(self) -> dict[int, State]:
        """States of the streams that have something to remember, by position."""
        some = (self.fields["start"] >= 0) | (self.fields["muted"] > self.step)
        return {
            place: State(
                self.step, *(self.fields[name][place].item() for name in FIELDS)
            )
            for place in np.flatnonzero(some).tolist()
        }

    def restore(self, step: int, states: Mapping[int, State]) -> None:
        """Goes on where `step` and `states` were read."""
        self.step = step
        for place, state in states.items():
            for name in FIELDS:
                self.fields[name][place] = getattr(state, name)

    def advance(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Goes on by one step.

        Args:
            scores: `[M]` finite.

        Returns:
            Positions of streams with a score above the level at which events close, of
            those of which it is the largest of the run, and of those whose event opens.
        """
        own, step = self.fields, self.step
        self.step += 1
        above = np.flatnonzero(scores > self._closes)
        if not len(above):
            return above, above, above
        values = scores[above]
        new = above[own["start"][above] < 0]
        own["start"][new], own["score"][new] = step, -np.inf
        follows = own["last"][above] == step - 1
        high = np.where(follows, own["high"][above], 0) + 1
        high = np.where(values > self._opens[above], high, 0)
        opens = (own["opened"][above] < 0) & (high >= self._shortest[above])
        opening = above[opens & (step >= own["muted"][above])]
        own["opened"][opening] = step
        larger = values > own["score"][above]
        peaks = above[larger]
        own["peak"][peaks], own["score"][peaks] = step, values[larger]
        own["last"][above], own["high"][above] = step, high
        return above, peaks, opening

    def over(self) -> np.ndarray:
        """Positions of the streams whose run ended by the step before the next."""
        own = self.fields
        late = self.step - own["last"] > self._patience
        return np.flatnonzero((own["start"] >= 0) & late)

    def alarm(self, place: int) -> Alarm | None:
        """A stream's open event, as far as it is known."""
        state = State(0, *(self.fields[name][place].item() for name in FIELDS))
        return state.alarm

    def end(self, places: np.ndarray) -> None:
        """Ends the runs of streams: nothing is left of them but the cool-down."""
        own = self.fields
        events = places[own["opened"][places] >= 0]
        own["muted"][events] = own["last"][events] + 1 + self._cool_down[events]
        for name in FIELDS:
            if name != "muted":
                own[name][places] = getattr(NONE, name)
