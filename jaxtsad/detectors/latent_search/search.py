"""Searches for the code whose sample comes nearest: all samples and restarts at once.

Deecke et al., "Image Anomaly Detection with Generative Adversarial Networks", ECML PKDD
2018, with Adam and the constants of the search on colour and depth. From every start
the code (and, as an option, a copy of the generator's weights) descends the squared
error to the sample. Every copy starts from the trained weights and is dropped again.

Shape letters: N samples, R restarts, Z latent width, k steps, b samples per chunk.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.extend import core

from jaxtsad.training import optimizers
from jaxtsad.types import Array, Key, PyTree

Theta: TypeAlias = Literal["frozen", "per_seed", "delta_last"]
Optimizer: TypeAlias = Literal["adam", "sgd"]
Generate: TypeAlias = Callable[[PyTree, Array], Array]
"""`(params, codes [B, Z]) -> samples [B, ...]`, each row by itself."""

BYTES = 4
WEIGHT_COPIES = 4
"""Of every restart that moves weights: they, their gradient and Adam's two moments."""


@dataclasses.dataclass(frozen=True)
class Search:
    """How codes are searched for.

    Attributes:
        restarts: Starts R per sample (seeds of the original).
        steps: Steps k of each.
        code_rate: Learning rate of the code.
        weight_rate: Learning rate of the weights; the original's 6e-9 moves no float32
            weight of 0.125 or more.
        theta: Which weights move: none (`frozen`), a copy per restart (`per_seed`), or
            those of the modules that `latest` names (`delta_last`).
        optimizer: `adam` or `sgd`.
        latest: Top-level names of the modules that `delta_last` moves.
        max_memory_gb: Memory that a chunk of samples may take.
    """

    restarts: int = 3
    steps: int = 19
    code_rate: float = 5e-2
    weight_rate: float = 6e-9
    theta: Theta = "frozen"
    optimizer: Optimizer = "adam"
    latest: tuple[str, ...] = ()
    max_memory_gb: float = 2.0


class SearchResult(NamedTuple):
    """What a search of one sample ends with; leading axes of N are added by `search`.

    Attributes:
        losses: `[R, k + 1]`, the squared error before every step and after the last.
        codes: `[R, Z]`, where each restart ended.
        samples: `[R, ...]`, what was made of them, by the copies' weights.
    """

    losses: Array
    codes: Array
    samples: Array

    @property
    def score(self) -> Array:
        """Mean over restarts of the last loss."""
        return self.losses[..., -1].mean(axis=-1)

    @property
    def lowest(self) -> Array:
        """Last loss of the best restart."""
        return self.losses[..., -1].min(axis=-1)


def starts(key: Key, restarts: int, latent: int) -> Array:
    """Codes `[R, Z]` from the prior; restart r draws from `fold_in(key, r)`."""
    fold = functools.partial(jax.random.fold_in, key)
    keys = jax.vmap(fold)(jnp.arange(restarts))
    return jax.vmap(lambda key: jax.random.normal(key, (latent,)))(keys)


def restart(
    how: Search, generate: Generate, params: PyTree, sample: Array, code: Array
) -> SearchResult:
    """One restart for one sample: k gradients and k + 1 passes.

    Args:
        how: The search.
        generate: The generator in evaluation mode.
        params: Its trained parameters, which stay as they are.
        sample: What is searched for, `[...]`.
        code: Where the search starts, `[Z]`.

    Returns:
        `losses [k + 1]`, `codes [Z]` and `samples [...]` without the axis of restarts.
    """
    return _descend(how, generate, params, sample, code, keep=False)[0]


def frames(
    how: Search, generate: Generate, params: PyTree, sample: Array, code: Array
) -> Array:
    """What the generator makes before every step of `restart` and after the last.

    Returns:
        `[k + 1, ...]`.
    """
    result, made = _descend(how, generate, params, sample, code, keep=True)
    return jnp.concatenate([made, result.samples[None]])


def _descend(
    how: Search,
    generate: Generate,
    params: PyTree,
    sample: Array,
    code: Array,
    keep: bool,
) -> tuple[SearchResult, Array]:
    moving, fixed = _parted(how, params)
    code_moves = _optimizer(how, how.code_rate)
    weight_moves = _optimizer(how, how.weight_rate)

    def loss(place: tuple[Array, PyTree]) -> tuple[Array, Array]:
        code, moved = place
        made = generate({**fixed, **moved}, code[None])[0]
        return jnp.square(made - sample).mean(), made

    def step(carry: tuple, _: None) -> tuple[tuple, tuple[Array, Any]]:
        (code, moved), code_state, weight_state = carry
        (value, made), grads = jax.value_and_grad(loss, has_aux=True)((code, moved))
        # Both move from the present point, neither after the other.
        code, code_state = optimizers.apply(code_moves, grads[0], code_state, code, 1.0)
        if moved:
            moved, weight_state = optimizers.apply(
                weight_moves, grads[1], weight_state, moved, 1.0
            )
        shown = made if keep else ()
        return ((code, moved), code_state, weight_state), (value, shown)

    begin = ((code, moving), code_moves.init(code), weight_moves.init(moving))
    (place, *_), (losses, seen) = jax.lax.scan(step, begin, None, length=how.steps)
    last, made = loss(place)
    return SearchResult(jnp.append(losses, last), place[0], made), seen


def search(
    how: Search,
    generate: Generate,
    params: PyTree,
    samples: Array,
    codes: Array,
    chunk: int | None = None,
) -> SearchResult:
    """Searches for all samples: restarts within samples, a chunk of samples at a time.

    Args:
        how: The search.
        generate: The generator in evaluation mode.
        params: Its trained parameters.
        samples: `[N, ...]`.
        codes: `[N, R, Z]`, where the searches start.
        chunk: Samples b at a time; None for as many as the memory budget allows.

    Returns:
        The findings `[N, R, ...]`; they do not depend on `chunk`.
    """
    count = len(samples)
    size = chunk or min(count, chunk_size(how, generate, params, codes.shape[-1]))
    missing = -count % size

    def chunked(array: Array) -> Array:
        padded = jnp.concatenate([array, jnp.repeat(array[:1], missing, axis=0)])
        return padded.reshape(-1, size, *array.shape[1:])

    def restarts(sample: Array, codes: Array) -> SearchResult:
        alone = functools.partial(restart, how, generate, params, sample)
        return jax.vmap(alone)(codes)

    def piece(inputs: tuple[Array, Array]) -> SearchResult:
        return jax.vmap(restarts)(*inputs)

    if size >= count:
        return piece((samples, codes))
    result: SearchResult = jax.lax.map(piece, (chunked(samples), chunked(codes)))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:count], result)


def follow(
    how: Search, generate: Generate, params: PyTree, samples: Array, codes: Array
) -> SearchResult:
    """Searches samples in order, restart 0 starting where the last sample's best ended.

    For windows that overlap. A score then depends on what came before it.

    Args:
        how: The search.
        generate: The generator in evaluation mode.
        params: Its trained parameters.
        samples: `[N, ...]`, in order of time.
        codes: `[N, R, Z]`; restart 0 of all but the first sample is not used.
    """

    def step(warm: Array, inputs: tuple[Array, Array]) -> tuple[Array, SearchResult]:
        sample, codes = inputs
        codes = codes.at[0].set(warm)
        alone = functools.partial(restart, how, generate, params, sample)
        result: SearchResult = jax.vmap(alone)(codes)
        return result.codes[result.losses[:, -1].argmin()], result

    result: SearchResult = jax.lax.scan(step, codes[0, 0], (samples, codes))[1]
    return result


def chunk_size(how: Search, generate: Generate, params: PyTree, latent: int) -> int:
    """Samples b that fit into four fifths of the memory budget, at least 1.

    A restart holds four copies of the weights that move, and its activations.
    """
    moved, _ = _parted(how, params)
    weights = sum(leaf.size for leaf in jax.tree.leaves(params)) * BYTES
    copies = sum(leaf.size for leaf in jax.tree.leaves(moved)) * BYTES * WEIGHT_COPIES
    each = how.restarts * (copies + activation_bytes(generate, params, latent))
    budget = 0.8 * how.max_memory_gb * 2**30 - weights
    return max(1, math.floor(budget / each))


def activation_bytes(generate: Generate, params: PyTree, latent: int) -> int:
    """Bytes that one pass forward and back keeps: every intermediate array, once.

    The traced program is read, nothing is run. What depends on the weights alone, or
    serves their gradient alone, is not a pass's own.
    """
    code = jax.ShapeDtypeStruct((1, latent), jnp.float32)
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), params
    )

    def pass_(code: Array, params: PyTree) -> Array:
        return jax.grad(lambda code: generate(params, code).sum())(code)

    program = jax.make_jaxpr(pass_)(code, shapes).jaxpr
    own, needed = {program.invars[0]}, {program.invars[0], *_variables(program.outvars)}
    for equation in program.eqns:
        if not own.isdisjoint(_variables(equation.invars)):
            own.update(equation.outvars)
    for equation in reversed(program.eqns):
        if not needed.isdisjoint(equation.outvars):
            needed.update(_variables(equation.invars))
    return BYTES * sum(math.prod(variable.aval.shape) for variable in own & needed)


def _variables(atoms: Sequence[core.Var | core.Literal]) -> list[core.Var]:
    return [atom for atom in atoms if isinstance(atom, core.Var)]


def _parted(how: Search, params: PyTree) -> tuple[dict, dict]:
    """The parameters that move and those that stay, by top-level name."""
    names = {"frozen": (), "per_seed": tuple(params), "delta_last": how.latest}
    moving = names[how.theta]
    moved = {name: params[name] for name in params if name in moving}
    return moved, {name: params[name] for name in params if name not in moving}


def _optimizer(how: Search, rate: float) -> optimizers.Transform:
    if how.optimizer == "sgd":
        return optimizers.sgd(rate)
    return optimizers.adam(rate)


def module_names(params: PyTree, last: int = 1) -> tuple[str, ...]:
    """Names of the last convolutions of a generator, for `Search.latest`.

    Example:
        >>> module_names({"Conv_0": 0, "Conv_10": 0, "Conv_9": 0, "Normalise_0": 0})
        ('Conv_10',)
    """
    names: list[Any] = [name for name in params if name.startswith("Conv_")]
    ordered = sorted(names, key=lambda name: int(name.removeprefix("Conv_")))
    return tuple(ordered[-last:])
