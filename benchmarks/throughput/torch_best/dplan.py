"""DPLAN in PyTorch, all seeds at once: networks stacked, no branch, no loop over seeds.

The same steps as `benchmarks.throughput.torch_dplan`, as array operations over S seeds:
both outcomes of a coin are computed and one is chosen, gradients are written out (the
network has one hidden layer), and nothing is read back from a tensor in a step. As in
the library a random subset is some shuffled rows that lie side by side, as columns, and
the values of two actions are sums, not products.
"""

from __future__ import annotations

import math
from typing import Any

import torch


class Agents:
    """S seeds' networks, replay and places in the environment.

    Args:
        config: Of the detector.
        rows: `[N, F]`, the unlabelled rows first.
        known: How many of the last rows are known anomalies.
        strangeness: `[N]` isolation scores of the rows, in [0, 1].
        seeds: S.
        compiled: Whether `torch.compile` makes a step's functions.
    """

    def __init__(
        self,
        config: Any,
        rows: Any,
        known: int,
        strangeness: Any,
        seeds: int,
        compiled: bool,
    ) -> None:
        self.config, self.rows, self.strangeness = config, rows, strangeness
        self.unlabelled, self.known, self.seeds = len(rows) - known, known, seeds
        width, features = config.width, rows.shape[1]
        shapes = ((features, width), (1, width), (width, 2), (1, 2))
        bounds = [1 / math.sqrt(size) for size in (features, features, width, width)]
        self.leaves = [
            torch.empty(seeds, *shape).uniform_(-bound, bound)
            for shape, bound in zip(shapes, bounds, strict=True)
        ]
        self.squares = [torch.zeros_like(leaf) for leaf in self.leaves]
        self.speeds = [torch.zeros_like(leaf) for leaf in self.leaves]
        self.target = [leaf.clone() for leaf in self.leaves]
        whole = (config.capacity, seeds)
        self.states = torch.zeros(whole, dtype=torch.long)
        self.actions = torch.zeros(whole, dtype=torch.long)
        self.followings = torch.zeros(whole, dtype=torch.long)
        self.rewards = torch.zeros(whole)
        self.now = torch.zeros(seeds, dtype=torch.long)
        self.each = torch.arange(seeds)[:, None]
        self.places = torch.arange(config.subset)
        self.time = 0
        self._act_ = torch.compile(self._act) if compiled else self._act
        self._learn_ = torch.compile(self._learn) if compiled else self._learn

    def step(self) -> None:
        """One step of every seed and, after the warm-up, one gradient step."""
        config, time, seeds = self.config, self.time, self.seeds
        if time % config.block == 0:
            self.now = torch.randint(self.unlabelled, (seeds,))
            self._shuffle()
        since = min(max((time - config.warm_up) / config.epsilon_steps, 0.0), 1.0)
        explore = torch.tensor(1 - (1 - config.epsilon) * since)
        with torch.no_grad():
            action, reward, following = self._act_(self.leaves, self.now, explore)
            place = time % config.capacity
            self.states[place] = self.now
            self.actions[place] = action
            self.rewards[place] = reward
            self.followings[place] = following
            self.now, self.time = following, time + 1
            if time >= config.warm_up:
                filled = min(self.time, config.capacity)
                drawn = torch.randint(filled, (seeds, config.batch_size))
                moved = self._learn_(
                    self.leaves, self.squares, self.speeds, self.target, drawn
                )
                self.leaves, self.squares, self.speeds = moved
            if self.time % config.target_every == 0:
                self.target = [leaf.clone() for leaf in self.leaves]

    def _shuffle(self) -> None:
        """Makes `subsets` `[N, F, K]`: of every place the K rows from there on."""
        size = self.config.subset
        places = torch.arange(self.unlabelled + size) % self.unlabelled
        self.order = torch.randperm(self.unlabelled)[places]
        columns = self.rows[self.order].T.contiguous()
        self.subsets = columns.unfold(1, size, 1).transpose(0, 1)

    def _hidden(self, leaves: Any, x: Any) -> Any:
        return torch.relu(torch.baddbmm(leaves[1], x, leaves[0]))

    def _values(self, leaves: Any, hidden: Any) -> list[Any]:
        """Of both actions, `[S, B]` each."""
        kernel, bias = leaves[2], leaves[3]
        return [
            (hidden * kernel[:, None, :, action]).sum(2) + bias[:, :, action]
            for action in range(2)
        ]

    def _act(self, leaves: Any, now: Any, explore: Any) -> tuple[Any, Any, Any]:
        config, seeds = self.config, self.seeds
        phi = self._hidden(leaves, self.rows[now][:, None])
        normal, anomaly = (values[:, 0] for values in self._values(leaves, phi))
        greedy = (anomaly > normal).long()
        drawn = torch.randint(2, (seeds,))
        action = torch.where(torch.rand(seeds) < explore, drawn, greedy)
        anomalous = now >= self.unlabelled
        own = torch.where(anomalous != (action == 1), -1.0, anomalous.float())
        reward = own + self.strangeness[now]
        first = torch.randint(self.unlabelled, (seeds,))
        chosen = self.order[first[:, None] + self.places]
        kernels, bias = leaves[0].transpose(1, 2), leaves[1].transpose(1, 2)
        seen = torch.relu(torch.baddbmm(bias, kernels, self.subsets[first]))
        apart = ((seen - phi.transpose(1, 2)) ** 2).sum(1)
        others = apart.masked_fill(chosen == now[:, None], torch.inf)
        nearest = torch.where(action == 0, apart.argmax(1), others.argmin(1))
        towards = chosen.gather(1, nearest[:, None])[:, 0]
        labelled = self.unlabelled + torch.randint(self.known, (seeds,))
        coin = torch.rand(seeds) < config.p
        return action, reward, torch.where(coin, labelled, towards)

    def _learn(
        self, leaves: Any, squares: Any, speeds: Any, target: Any, drawn: Any
    ) -> tuple[list[Any], list[Any], list[Any]]:
        config, each = self.config, self.each
        after = self.rows[self.followings[drawn, each]]
        following = torch.maximum(*self._values(target, self._hidden(target, after)))
        goal = self.rewards[drawn, each] + config.discount * following
        x = self.rows[self.states[drawn, each]]
        hidden = self._hidden(leaves, x)
        normal, anomaly = self._values(leaves, hidden)
        flagged = self.actions[drawn, each] == 1
        error = torch.where(flagged, anomaly, normal) - goal
        slope = (error.clamp(-1, 1) / config.batch_size)[..., None]
        flagged = flagged[..., None]
        of_normal, of_anomaly = leaves[2][:, None].unbind(3)
        to_hidden = slope * torch.where(flagged, of_anomaly, of_normal) * (hidden > 0)
        to_values = [slope * ~flagged, slope * flagged]
        grads = [
            torch.bmm(x.transpose(1, 2), to_hidden)
            + 2 * config.weight_decay * leaves[0],
            to_hidden.sum(1, keepdim=True),
            torch.stack([(hidden * one).sum(1) for one in to_values], 2),
            torch.stack([one.sum(1) for one in to_values], 2),
        ]
        norm = sum((grad**2).sum((1, 2), keepdim=True) for grad in grads).sqrt()
        factor = (config.clip_gradients / (norm + 1e-6)).clamp(max=1.0)
        moved: list[list[Any]] = [[], [], []]
        for leaf, square, speed, grad in zip(
            leaves, squares, speeds, grads, strict=True
        ):
            grad = grad * factor
            square = config.decay * square + (1 - config.decay) * grad**2
            speed = config.momentum * speed + grad / (square.sqrt() + 0.01)
            moved[0].append(leaf - config.learning_rate * speed)
            moved[1].append(square)
            moved[2].append(speed)
        return moved[0], moved[1], moved[2]
