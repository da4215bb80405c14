"""Maximum-likelihood fit of a generalized Pareto distribution by Grimshaw's reduction.

Grimshaw, "Computing Maximum Likelihood Estimates for the Generalized Pareto
Distribution", Technometrics 35(2), 1993. With x = shape / scale the two likelihood
equations reduce to one in x alone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

# In units of 1 / mean: nearer to 0 than this the exponential is the same distribution;
# beyond the other the shape would exceed 90.
NEAREST, FARTHEST = 1e-8, 1e40
# How near to the end of the support, -1 / max, roots are sought (relative).
EDGE = 1e-13
PER_DECADE = 10
# Below this shape the exponential formula of the quantile is used.
TINY_SHAPE = 1e-8
# exp overflows beyond.
LARGEST_EXPONENT = 700.0


class Pareto(NamedTuple):
    """A generalized Pareto distribution of excesses y > 0.

    Attributes:
        shape: gamma; positive for heavy tails, 0 exponential, negative for bounded.
        scale: sigma > 0, in units of the excesses.
        log_likelihood: Of the excesses it was fitted on.
    """

    shape: float
    scale: float
    log_likelihood: float

    def excess(self, share: float) -> float:
        """Excess that is surpassed with probability `share`."""
        if abs(self.shape) < TINY_SHAPE:
            return -self.scale * math.log(share)
        exponent = min(-self.shape * math.log(share), LARGEST_EXPONENT)
        return self.scale * math.expm1(exponent) / self.shape


def fit(excesses: np.ndarray) -> Pareto:
    """Fits shape and scale by maximum likelihood.

    Candidates are all non-zero roots x of u(x) v(x) = 1 in (-1 / max, 0) and in
    (0, 2 (mean - min) / min^2], with u(x) = 1 + mean ln(1 + x Y) and
    v(x) = mean 1 / (1 + x Y), and the exponential, x = 0; the largest likelihood
    wins. Where no negative root exists although the tail is shorter than
    exponential, the likelihood rises up to shape -1 and without bound beyond: then
    the uniform distribution on (0, max), the maximum over shapes >= -1, competes too.
    The result scales with the excesses.

    Args:
        excesses: Y, `[N]`, all positive.

    Returns:
        The fitted distribution.

    Raises:
        ValueError: If there are none or one is not positive and finite.

    Example:
        >>> fit(np.array([1.0, 2.0, 4.0, 9.0]))._fields
        ('shape', 'scale', 'log_likelihood')
    """
    excesses = np.asarray(excesses, np.float64)
    if not excesses.size or not (np.isfinite(excesses) & (excesses > 0)).all():
        raise ValueError("excesses must be at least one number, positive and finite")
    count, mean = len(excesses), float(np.mean(excesses))
    y = excesses / mean

    candidates = [Pareto(0.0, 1.0, -count)]
    negative = _roots(y, _negative_grid(y))
    for x in negative + _roots(y, _positive_grid(y)):
        shape = float(np.mean(np.log1p(x * y)))
        likelihood = -count * (math.log(shape / x) + shape + 1)
        candidates.append(Pareto(shape, shape / x, likelihood))
    if not negative and np.mean(y * y) < 2:
        candidates.append(Pareto(-1.0, float(y.max()), -count * math.log(y.max())))

    best = max(candidates, key=lambda candidate: candidate.log_likelihood)
    likelihood = best.log_likelihood - count * math.log(mean)
    return Pareto(best.shape, best.scale * mean, likelihood)


def _equation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """u(x) v(x) - 1 for each x `[K]`, written so that it stays exact near x = 0."""
    xy = x[:, None] * y[None, :]
    u = np.mean(np.log1p(xy), axis=1)
    v = -np.mean(xy / (1 + xy), axis=1)
    return u + v + u * v


def _roots(y: np.ndarray, grid: np.ndarray) -> list[float]:
    # SciPy's optimizers take half a second to import; most thresholds need none.
    from scipy import optimize

    if grid.size < 2:
        return []
    block = max(1, 500_000 // len(y))
    parts = [_equation(grid[i : i + block], y) for i in range(0, len(grid), block)]
    signs = np.sign(np.concatenate(parts))
    roots = [float(x) for x in grid[signs == 0]]
    for i in np.flatnonzero(signs[:-1] * signs[1:] < 0):
        a, b = float(grid[i]), float(grid[i + 1])
        xtol = 1e-14 * min(abs(a), abs(b))
        roots.append(
            optimize.brentq(lambda x: _equation(np.array([x]), y)[0], a, b, xtol=xtol)
        )
    return roots


def _geometric(first: float, last: float) -> np.ndarray:
    if last <= first:
        return np.empty(0)
    points = 2 + int(PER_DECADE * math.log10(last / first))
    return np.geomspace(first, last, points)


def _positive_grid(y: np.ndarray) -> np.ndarray:
    low = float(y.min())
    bound = 2 * (1 - low) / low**2 if low > math.sqrt(2 / FARTHEST) else FARTHEST
    return _geometric(NEAREST, bound)


def _negative_grid(y: np.ndarray) -> np.ndarray:
    """From just below 0 half of the way to -1 / max, and from there to the end."""
    end = 1 / float(y.max())
    near = _geometric(NEAREST, end / 2)
    far = end * (1 - _geometric(EDGE, 0.5)[::-1])
    return -np.unique(np.concatenate([near, far]))
