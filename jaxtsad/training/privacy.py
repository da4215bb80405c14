"""How much rounds of clipped and noised means tell of one member's data."""

from __future__ import annotations

import math


def spent(noise: float, rounds: int, delta: float) -> float:
    """Epsilon of (epsilon, delta) differential privacy after rounds of noised means.

    A round adds Gaussian noise to a sum to which no member adds more than a vector of
    norm 1, all members taking part in every round. That is rho-zCDP with rho = 1 / (2
    noise^2), rounds add up, and rho-zCDP is (rho + 2 sqrt(rho ln(1 / delta)),
    delta)-differential privacy, of data with and without any one member.

    Args:
        noise: Standard deviation of the noise, in units of what a member adds at most;
            0 for none.
        rounds: Number of rounds.
        delta: The delta, in (0, 1).

    Returns:
        Epsilon; infinite without noise.

    Reference:
        Bun and Steinke, "Concentrated Differential Privacy: Simplifications,
        Extensions, and Lower Bounds", TCC 2016: propositions 1.3 and 1.6, lemma 1.7.

    Example:
        >>> round(spent(noise=5.0, rounds=10, delta=1e-5), 3)
        3.235
    """
    if not noise:
        return math.inf
    rho = rounds / (2 * noise**2)
    return rho + 2 * math.sqrt(rho * math.log(1 / delta))
