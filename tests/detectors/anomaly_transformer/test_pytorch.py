"""Parameters by PyTorch's names, there and back; clear words where they do not fit."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxtsad.detectors.anomaly_transformer import pytorch as interop

SIZES = interop.Sizes(channels=3, width=8, heads=2, layers=2, hidden=6)


@pytest.fixture
def state():
    rng = np.random.default_rng(0)
    entries = interop.entries(SIZES)
    return {one.name: rng.normal(size=one.shape).astype("f4") for one in entries}


def test_sizes_are_read_from_the_arrays(state):
    assert interop.sizes(state) == SIZES


def test_layout_of_each_kind(state):
    params = interop.to_params(state)
    token = state["embedding.value_embedding.tokenConv.weight"]
    np.testing.assert_array_equal(
        params["embedding"]["kernel"], token.transpose(2, 1, 0)
    )
    layer, name = params["layer_1"], "encoder.attn_layers.1"
    query = state[f"{name}.attention.query_projection.weight"]
    np.testing.assert_array_equal(layer["attention"]["query"]["kernel"], query.T)
    conv = state[f"{name}.conv1.weight"]
    np.testing.assert_array_equal(layer["expand"]["kernel"], conv[..., 0].T)
    norm = state[f"{name}.norm2.weight"]
    np.testing.assert_array_equal(layer["feedforward_norm"]["scale"], norm)


def test_there_and_back(state):
    back = interop.from_params(interop.to_params(state))
    assert set(back) == set(state)
    for name, array in state.items():
        np.testing.assert_array_equal(back[name], array)


def test_unused_norms_and_buffers_are_passed_over(state):
    more = state | {
        "embedding.position_embedding.pe": np.zeros((1, 20, 8)),
        "encoder.attn_layers.0.attention.norm.weight": np.ones(8),
        "encoder.attn_layers.1.attention.norm.bias": np.ones(8),
    }
    jax.tree.map(
        np.testing.assert_array_equal,
        interop.to_params(more),
        interop.to_params(state),
    )


def test_missing_and_unexpected_names_are_named(state):
    del state["encoder.attn_layers.1.norm1.bias"]
    with pytest.raises(ValueError, match=r"lacks 'encoder.attn_layers.1.norm1.bias'"):
        interop.to_params(state)
    with pytest.raises(ValueError, match=r"lacks 'embedding.value_embedding"):
        interop.to_params({"weight": np.zeros(3)})


def test_unexpected_names_are_named(state):
    with pytest.raises(ValueError, match=r"the unexpected 'decoder.weight'"):
        interop.to_params(state | {"decoder.weight": np.zeros(3)})


def test_misshapen_arrays_are_named(state):
    state["projection.weight"] = np.zeros((3, 9))
    with pytest.raises(ValueError, match=r"'projection.weight' .*expected \(3, 8\)"):
        interop.to_params(state)
    state["embedding.value_embedding.tokenConv.weight"] = np.zeros(3)
    with pytest.raises(ValueError, match="expected 3 axes"):
        interop.to_params(state)


def test_foreign_trees_are_refused():
    with pytest.raises(ValueError, match="not of an Anomaly Transformer"):
        interop.from_params({"kernel": np.zeros(3)})
