"""The best PyTorch does the work of the library: same weights, same scores."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install '.[benchmark]'")

from benchmarks.throughput import compare, sources, torch_best  # noqa: E402
from benchmarks.throughput.options import Options  # noqa: E402
from benchmarks.throughput.suites import detectors as suite  # noqa: E402
from benchmarks.throughput.timing import Contender, Work  # noqa: E402
from benchmarks.throughput.torch_best import layers  # noqa: E402
from jaxtsad import detectors  # noqa: E402
from jaxtsad.training import fleet, scoring  # noqa: E402
from jaxtsad.types import Clock  # noqa: E402

MEMBERS = 2


def numbers(tree):
    return jax.tree.map(np.asarray, tree)


def cases(name):
    (_, config), *others = suite.configs(name, Options(quick=True))
    yield config
    for _, config in (pair for pair in others if pair[0].startswith("images")):
        yield dataclasses.replace(config, width=4, latent=3, batch_size=4)


def states(name, config, members=1):
    data = sources.stacked(config, config.batch_size, members)
    detector = detectors.module(name).build(config)
    keys = jax.random.split(jax.random.key(0), members)
    return data, detector, keys, jax.jit(jax.vmap(detector.init))(keys, data)


def scored(data, detector, keys, model, config):
    return scoring.run(keys, detector, model, data, batch_size=config.batch_size)


def torch_batches(data, config):
    gathered = sources.batches(data, config.batch_size)
    return torch.from_numpy(np.stack([batches[0] for batches in gathered]))


@pytest.mark.parametrize("name", torch_best.RECURRENT)
def test_recurrent_peers_score_as_the_library_does(name):
    config = detectors.module(name).TINY
    data, detector, keys, state = states(name, config, MEMBERS)
    expected = scored(data, detector, keys, state.model, config)
    x = torch_batches(data, config)
    for way, make in torch_best.ways(name, config, MEMBERS).items():
        if "compiled" in way:
            continue
        peer = make()
        tree = numbers(state.model)
        each = MEMBERS // len(peer.networks)
        for number, network in enumerate(peer.networks):
            part = slice(number * each, (number + 1) * each)
            layers.load(network, jax.tree.map(lambda leaf, p=part: leaf[p], tree))
        np.testing.assert_allclose(peer.score(x).numpy(), expected, atol=1e-5)


def test_one_step_moves_an_autoencoder_as_the_library_does():
    name = "lstm_autoencoder"
    config = detectors.module(name).TINY
    data, detector, keys, state = states(name, config, MEMBERS)
    peer = torch_best.ways(name, config, MEMBERS)["grouped"]()
    layers.load(peer.networks[0], numbers(state.model))
    x = torch_batches(data, config)
    peer.train_step(x)
    moved = step(detector, keys, state, data)
    expected = scored(data, detector, keys, moved.model, config)
    np.testing.assert_allclose(peer.score(x).numpy(), expected, atol=1e-4)


def step(detector, keys, state, data):
    clock = Clock(*(np.int32(n) for n in (0, 0, 1)), np.float32(1))
    advance = jax.jit(jax.vmap(detector.advance, (0, 0, 0, None)))
    return advance(keys, state, data, clock)[0]


@pytest.mark.parametrize("name", sorted(torch_best.SINGLE))
def test_peers_of_one_member_score_as_the_library_does(name):
    compared(name, next(cases(name)), learn=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(torch_best.SINGLE))
def test_peers_of_one_member_learn_as_the_library_does(name):
    for config in cases(name):
        # Windows longer than GANomaly's side are cut at places drawn for each row.
        drawn = name == "ganomaly" and not config.images
        compared(name, config, learn=not drawn or config.window == config.side)


def compared(name, config, learn):
    data, detector, keys, state = states(name, config)
    peer = torch_best.ways(name, config, 1)["eager"]().peer
    x = torch_batches(data, config)[0]
    model = numbers(fleet.member(state.model, 0))
    if name == "ganomaly":
        judge = numbers(fleet.member(state.train.discriminator.params, 0))
        peer.load(model.generator.params, judge)
    else:
        peer.load(model.network.params if name == "deep_clustering" else model)
    expected = scored(data, detector, keys, state.model, config)[0]
    np.testing.assert_allclose(peer.score(x).numpy(), expected, atol=1e-5)
    if learn:
        peer.train_step(x)
        moved = step(detector, keys, state, data).model
        if name == "ganomaly":  # in the units of before, which the peer keeps
            moved = moved._replace(spread=state.model.spread)
        expected = scored(data, detector, keys, moved, config)[0]
        scores = peer.score(x).numpy()
        np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-4)


def test_the_published_steps_of_ganomaly_are_those_of_its_peer():
    from benchmarks.throughput import torch_convolutional as published
    from benchmarks.throughput.torch_best import convolutional

    config = [*cases("ganomaly")][1]
    x = torch_batches(sources.stacked(config, config.batch_size), config)[0]
    ours = convolutional.Ganomaly(config, compiled=False)
    theirs = published.Ganomaly(config)
    begun = {}
    for part in ("generator", "discriminator"):
        getattr(theirs, part).load_state_dict(getattr(ours, part).state_dict())
        begun[part] = [p.clone() for p in getattr(ours, part).parameters()]
        assert any(p.abs().sum() > 0 for p in begun[part])
    for peer in (ours, theirs):
        peer.train_step(x)
        peer.train_step(x)
    for part in ("generator", "discriminator"):
        for mine, other, before in zip(
            getattr(ours, part).parameters(),
            getattr(theirs, part).parameters(),
            begun[part],
            strict=True,
        ):
            assert not torch.equal(mine, before)
            torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-5)


def test_the_fastest_way_takes_part():
    config = detectors.module("lstm_vae").TINY
    data = sources.stacked(config, config.batch_size)
    lines = []
    before = torch.get_num_threads()
    options = Options(against="torch-best", seconds=0.01, show=lines.append)
    case = compare.side("lstm_vae", config, data, config.batch_size, options)
    case.ways = {n: w for n, w in case.ways.items() if "compiled" not in n}
    (contender,) = case.scoring()
    rates = [float(line.split(": ")[1].split()[0].replace(",", "")) for line in lines]
    assert contender.name in lines[int(np.argmax(rates))]
    assert case.operations("scoring") > 2 * config.window * config.hidden**2 * 4
    torch.set_num_threads(before)


@pytest.mark.parametrize("start", range(8))
def test_a_slow_moment_of_the_machine_falls_on_no_way_alone(start):
    made = []

    def way(name, rate):
        def run():
            made.append(name)
            slow = start < len(made) <= start + torch_best.TRIED
            return Work(rate if not slow else 0.3 * rate, 1.0)

        return Contender(name, lambda: 0.0, run)

    ways = [way("slower", 10), way("fastest", 12), way("slowest", 8)]
    assert torch_best.fastest(ways, lambda _: None).name == "fastest"


def test_agents_at_once_learn_as_the_loop_does(monkeypatch):
    from benchmarks.throughput import torch_dplan
    from benchmarks.throughput.suites.dplan import SMOKE
    from benchmarks.throughput.torch_best import dplan

    torch.manual_seed(0)
    config = SMOKE.config
    rows, strangeness = torch.rand(30, config.channels), torch.rand(30)
    agents = dplan.Agents(config, rows, 4, strangeness, 2, compiled=False)
    for _ in range(6):
        agents.step()
    number = 1
    agent = torch_dplan.Agent(config, rows, 4, strangeness, seed=0)
    kernel, bias, out, out_bias = (leaf[number] for leaf in agents.leaves)
    agent.hidden.weight.data, agent.hidden.bias.data = kernel.T.clone(), bias[0].clone()
    agent.out.weight.data, agent.out.bias.data = out.T.clone(), out_bias[0].clone()
    agent.target = [leaf.detach().clone() for leaf in agent._leaves()]
    agents.target = [leaf.clone() for leaf in agents.leaves]
    for name in ("states", "actions", "rewards", "followings"):
        setattr(agent, name, getattr(agents, name)[:, number].clone())
    agent.time = agents.time
    drawn = torch.randint(6, (2, config.batch_size))
    monkeypatch.setattr(torch, "randint", lambda *given: drawn[number])
    for _ in range(2):
        agent._learn()
        with torch.no_grad():
            agents.leaves, agents.squares, agents.speeds = agents._learn(
                agents.leaves, agents.squares, agents.speeds, agents.target, drawn
            )
    for theirs, leaf in zip(agent._leaves(), agents.leaves, strict=True):
        expected = theirs.detach().T if theirs.ndim > 1 else theirs.detach()[None]
        torch.testing.assert_close(leaf[number], expected)


def test_agents_at_once_go_to_the_nearest_or_farthest_row_of_their_subset(monkeypatch):
    from benchmarks.throughput.suites.dplan import SMOKE
    from benchmarks.throughput.torch_best import dplan

    torch.manual_seed(1)
    config = dataclasses.replace(SMOKE.config, p=0.0)
    rows, known, seeds = torch.rand(90, config.channels), 4, 8
    agents = dplan.Agents(config, rows, known, torch.rand(90), seeds, compiled=False)
    agents.step()
    firsts = 10 * torch.arange(seeds)
    fixed = {2: torch.zeros(seeds).long(), 90 - known: firsts, known: firsts % known}
    monkeypatch.setattr(torch, "randint", lambda high, size: fixed[high])
    now = agents.order[firsts]
    with torch.no_grad():
        action, _, following = agents._act(agents.leaves, now, torch.tensor(0.0))
        for seed in range(seeds):
            kernel, bias, out, out_bias = (leaf[seed] for leaf in agents.leaves)
            start = int(firsts[seed])
            chosen = agents.order[start : start + config.subset]
            hidden = torch.relu(rows[chosen] @ kernel + bias)
            assert action[seed] == (hidden[0] @ out + out_bias[0]).argmax()
            apart = ((hidden - hidden[0]) ** 2).sum(1)
            apart[0] = torch.inf if action[seed] else 0
            place = apart.argmin() if action[seed] else apart.argmax()
            assert following[seed] == chosen[place]
    assert len(set(action.tolist())) == 2
