"""DPLAN's environment and learning in eager PyTorch, as public code writes them.

One seed after another, one step at a time, the same work as `jaxtsad`'s `dplan`: of a
step only what its coin asks for is computed. The forest's scores are given.
"""

from __future__ import annotations

from typing import Any


class Agent:
    """One seed's networks, replay and place in the environment.

    Args:
        config: Of the detector.
        rows: `[N, F]` tensor, the unlabelled rows first.
        known: How many of the last rows are known anomalies.
        strangeness: `[N]` isolation scores of the rows, in [0, 1].
        seed: Of everything.
    """

    def __init__(
        self, config: Any, rows: Any, known: int, strangeness: Any, seed: int
    ) -> None:
        import torch
        from torch import nn

        torch.manual_seed(seed)
        self.config, self.rows, self.strangeness = config, rows, strangeness
        self.unlabelled, self.known = len(rows) - known, known
        self.hidden = nn.Linear(rows.shape[1], config.width)
        self.out = nn.Linear(config.width, 2)
        self.target = [torch.zeros_like(leaf) for leaf in (*self._leaves(),)]
        self.optimizer = torch.optim.RMSprop(
            self._leaves(),
            lr=config.learning_rate,
            alpha=config.decay,
            momentum=config.momentum,
            eps=0.01,
        )
        whole = config.capacity
        self.states = torch.zeros(whole, dtype=torch.long)
        self.actions = torch.zeros(whole, dtype=torch.long)
        self.rewards = torch.zeros(whole)
        self.followings = torch.zeros(whole, dtype=torch.long)
        self.time = 0
        self.now = 0

    def step(self) -> None:
        """One step in the environment and, after the warm-up, one gradient step."""
        import torch

        config, time = self.config, self.time
        if time % config.block == 0:
            self.now = int(torch.randint(self.unlabelled, ()))
        with torch.no_grad():
            phi = torch.relu(self.hidden(self.rows[self.now]))
            since = min(max((time - config.warm_up) / config.epsilon_steps, 0.0), 1.0)
            if float(torch.rand(())) < 1 - (1 - config.epsilon) * since:
                action = int(torch.randint(2, ()))
            else:
                action = int(self.out(phi).argmax())
            reward = self._reward(action)
            if float(torch.rand(())) < config.p:
                following = self.unlabelled + int(torch.randint(self.known, ()))
            else:
                following = self._towards(phi, action)
        place = time % config.capacity
        self.states[place] = self.now
        self.actions[place] = action
        self.rewards[place] = reward
        self.followings[place] = following
        self.now, self.time = following, time + 1
        if time >= config.warm_up:
            self._learn()
        if self.time % config.target_every == 0:
            self.target = [leaf.detach().clone() for leaf in self._leaves()]

    def _reward(self, action: int) -> float:
        anomalous = self.now >= self.unlabelled
        own = -1.0 if anomalous != (action == 1) else float(anomalous)
        return own + float(self.strangeness[self.now])

    def _towards(self, phi: Any, action: int) -> int:
        import torch

        chosen = torch.randint(self.unlabelled, (self.config.subset,))
        seen = torch.relu(self.hidden(self.rows[chosen]))
        apart = ((seen - phi) ** 2).sum(dim=1)
        if action == 0:
            return int(chosen[apart.argmax()])
        apart[chosen == self.now] = torch.inf
        return int(chosen[apart.argmin()])

    def _learn(self) -> None:
        import torch
        from torch.nn import functional

        config = self.config
        filled = min(self.time, config.capacity)
        drawn = torch.randint(filled, (config.batch_size,))
        with torch.no_grad():
            kernel, bias, out, out_bias = self.target
            after = self.rows[self.followings[drawn]]
            seen = torch.relu(functional.linear(after, kernel, bias))
            following = functional.linear(seen, out, out_bias).max(dim=1).values
            goal = self.rewards[drawn] + config.discount * following
        values = self.out(torch.relu(self.hidden(self.rows[self.states[drawn]])))
        taken = values.gather(1, self.actions[drawn][:, None])[:, 0]
        loss = functional.huber_loss(taken, goal)
        loss = loss + config.weight_decay * self.hidden.weight.square().sum()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._leaves(), config.clip_gradients)
        self.optimizer.step()

    def _leaves(self) -> list[Any]:
        return [*self.hidden.parameters(), *self.out.parameters()]
