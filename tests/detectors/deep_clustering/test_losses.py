"""Clustering losses: by hand, what does not matter, and gradients in closed form."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad.detectors.deep_clustering import losses as clustering

Z = jnp.array([[0.0, 0.0], [1.0, 0.0]])
MU = jnp.array([[0.0, 0.0], [2.0, 0.0]])
Q = jnp.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])


def test_assignments_by_hand_wherever_they_are() -> None:
    q = clustering.soft_assignment(Z, MU)
    np.testing.assert_allclose(q, [[5 / 6, 1 / 6], [0.5, 0.5]], rtol=1e-6)
    turn = jnp.array([[0.6, -0.8], [0.8, 0.6]])
    moved = clustering.soft_assignment(Z @ turn + 3, MU @ turn + 3)
    np.testing.assert_allclose(moved, q, rtol=1e-4)


def test_targets_and_divergence_by_hand() -> None:
    p = clustering.target_distribution(Q, Q.sum(axis=0))
    expected = [[0.98411215], [0.63243243], [0.04561404]]
    np.testing.assert_allclose(p[:, :1], expected, rtol=1e-5)
    found = clustering.hardening(p, Q)
    np.testing.assert_allclose(found.sum(), 0.16189647, rtol=1e-5)
    np.testing.assert_allclose(found.mean(), 0.05396549, rtol=1e-5)


def test_targets_sharpen_and_leave_what_is_certain() -> None:
    even = jnp.ones(2)
    p = clustering.target_distribution(Q, even)
    assert (p.max(axis=1) >= Q.max(axis=1)).all()
    uniform, certain = jnp.full((3, 2), 0.5), jnp.eye(2)
    for fixed in (uniform, certain):
        same = clustering.target_distribution(fixed, even)
        np.testing.assert_allclose(same, fixed)
        np.testing.assert_allclose(clustering.hardening(same, fixed), 0, atol=1e-6)


def test_gradients_in_closed_form() -> None:
    rng = np.random.default_rng(0)
    z, mu = (jnp.asarray(rng.normal(size=(n, 3)), jnp.float32) for n in (6, 4))
    q = clustering.soft_assignment(z, mu)
    p = clustering.target_distribution(q, q.sum(axis=0))

    def divergence(z: jax.Array, mu: jax.Array) -> jax.Array:
        q = clustering.soft_assignment(z, mu)
        target = clustering.target_distribution(q, q.sum(axis=0))
        return clustering.hardening(target, q).sum()

    to_z, to_mu = jax.grad(divergence, argnums=(0, 1))(z, mu)
    apart = z[:, None] - mu[None]
    pull = (p - q) / (1 + jnp.square(apart).sum(-1))
    each = 2 * pull[..., None] * apart
    np.testing.assert_allclose(to_z, each.sum(axis=1), atol=1e-5)
    np.testing.assert_allclose(to_mu, -each.sum(axis=0), atol=1e-5)


def test_the_k_means_loss_moves_no_centre() -> None:
    z, weight = jnp.array([[3.0, 4.0], [2.0, 1.0], [9.0, 9.0]]), jnp.array([1.0, 1, 0])
    np.testing.assert_allclose(clustering.to_centres(z, MU, weight), (17 + 1) / 2)
    rooted = clustering.to_centres(z, MU, weight, squared=False)
    np.testing.assert_allclose(rooted, (17**0.5 + 1) / 2, rtol=1e-5)
    to_mu = jax.grad(lambda mu: clustering.to_centres(z, mu, weight))(MU)
    np.testing.assert_array_equal(to_mu, 0)


def test_the_k_means_loss_is_to_the_assigned_centre() -> None:
    z, weight = jnp.array([[3.0, 4.0], [2.0, 1.0], [9.0, 9.0]]), jnp.array([1.0, 1, 0])
    squared = clustering.squared_distances(z, MU)
    for assigned in ([0, 0, 0], [1, 0, 1]):
        found = clustering.to_centres(z, MU, weight, assigned=jnp.array(assigned))
        expected = (squared[0, assigned[0]] + squared[1, assigned[1]]) / 2
        np.testing.assert_allclose(found, expected, rtol=1e-6)
