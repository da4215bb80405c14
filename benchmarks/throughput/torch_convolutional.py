"""GANomaly and deep clustering in eager PyTorch, as their users write them.

The networks are those of the best peer; the steps around them are the published ones.
"""

from __future__ import annotations

from typing import Any

from torch.nn import functional

from benchmarks.throughput.torch_best import convolutional as best


class Ganomaly(best.Ganomaly):
    """The step of the public code (`lib/model.py`): four passes of the discriminator.

    It judges the batch and the reconstructions before the generator's update, for its
    own loss, and again within it, for the generator's.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config, compiled=False)
        for adam in self.adams:
            unfuse(adam)

    def train_step(self, x) -> None:
        """One step on `x [B, S.., C]`; windows are seen through one crop."""
        self.generator.train()
        config, (generators, judges) = self.config, self.adams
        x = best.inside(self.crop(x))
        code, made, again = self.generator(x)
        real, _ = self.discriminator(x)
        fake, _ = self.discriminator(made.detach())

        generators.zero_grad()
        features = [self.discriminator(each)[1] for each in (made, x)]
        loss = (
            config.adversarial * functional.mse_loss(*features)
            + config.contextual * functional.l1_loss(made, x)
            + config.encoder * functional.mse_loss(again, code)
        )
        loss.backward()
        generators.step()

        judges.zero_grad()
        verdict = functional.softplus(-real).mean() + functional.softplus(fake).mean()
        (verdict / 2).backward()
        judges.step()


class DeepClustering(best.DeepClustering):
    """Steps of reconstruction by an optimizer that is not fused.

    The public code is of Theano; these are its networks and losses.
    """

    def __init__(self, config: Any) -> None:
        super().__init__(config, compiled=False)
        self.network.joined = False
        unfuse(self.optimizer)


def unfuse(optimizer: Any) -> None:
    """One operation after another for each parameter, as PyTorch does by default."""
    for group in optimizer.param_groups:
        group["fused"] = False
