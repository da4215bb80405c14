"""GANomaly and deep clustering in PyTorch, each pass made once, fused optimizers.

Children have the names of the library's layers, so that both sides can have the same
weights. Tensors are the library's at the border, channels last, and PyTorch's inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.throughput.torch_best.layers import uniform


def convolution(
    rank: int,
    before: int,
    features: int,
    size: int = 4,
    stride: int = 2,
    padding: int = 1,
    transposed: bool = False,
) -> nn.Module:
    """A convolution or its transpose, without bias."""
    kinds = {
        (1, False): nn.Conv1d,
        (2, False): nn.Conv2d,
        (1, True): nn.ConvTranspose1d,
        (2, True): nn.ConvTranspose2d,
    }
    kind = kinds[rank, transposed]
    return kind(before, features, size, stride, padding, bias=False)


def norm(rank: int, features: int) -> nn.Module:
    """Batch norm."""
    return nn.BatchNorm1d(features) if rank == 1 else nn.BatchNorm2d(features)


def inside(x):
    """`[B, S.., C]` as PyTorch has it."""
    order = (0, x.ndim - 1, *range(1, x.ndim - 1))
    return x.permute(order)


def load(module: nn.Module, tree: Mapping[str, Any]) -> None:
    """Gives a module the library's parameters, arrays of one member."""
    for name, leaf in tree.items():
        if name == "BatchNorm_0":
            normal = getattr(module, name, module)
            normal.weight.data = torch.tensor(np.asarray(leaf["scale"]))
            normal.bias.data = torch.tensor(np.asarray(leaf["bias"]))
        elif isinstance(leaf, Mapping):
            load(getattr(module, name, module), leaf)
        elif name == "kernel":
            inner = module if hasattr(module, "weight") else module.convolution
            turned = isinstance(inner, nn.ConvTranspose1d | nn.ConvTranspose2d)
            rank = leaf.ndim - 2
            ends = (rank, rank + 1) if turned else (rank + 1, rank)
            array = np.ascontiguousarray(np.transpose(leaf, (*ends, *range(rank))))
            inner.weight.data = torch.tensor(array)
        elif name == "bias":
            inner = module if hasattr(module, "weight") else module.convolution
            inner.bias.data = torch.tensor(np.asarray(leaf))
        else:
            getattr(module, name).data = torch.tensor(np.asarray(leaf))


class Encoder(nn.Module):
    """Halves the side until it is 4, then one convolution over what is left."""

    def __init__(
        self, rank: int, side: int, channels: int, width: int, cap: int, codes: int
    ) -> None:
        super().__init__()
        self.Features_0 = nn.Module()
        self.names: list[tuple[str, str | None]] = []
        number = 0
        while side > 4:
            side //= 2
            features = min(cap, width * 2**number)
            name = f"Conv_{number}"
            setattr(self.Features_0, name, convolution(rank, channels, features))
            normal = f"Normalise_{number - 1}" if number else None
            if normal:
                setattr(self.Features_0, normal, norm(rank, features))
            self.names.append((name, normal))
            channels, number = features, number + 1
        self.Conv_0 = convolution(rank, channels, codes, 4, 1, 0)

    def forward(self, x):
        for name, normal in self.names:
            x = getattr(self.Features_0, name)(x)
            if normal:
                x = getattr(self.Features_0, normal)(x)
            x = functional.leaky_relu(x, 0.2)
        return self.Conv_0(x).flatten(1), x


class Decoder(nn.Module):
    """The encoder's mirror image."""

    def __init__(
        self, rank: int, side: int, channels: int, width: int, cap: int, codes: int
    ) -> None:
        super().__init__()
        self.rank = rank
        count = (side // 4).bit_length() - 1
        features = [min(cap, width * 2**number) for number in range(count)][::-1]
        self.count, before = count, codes
        for number, size in enumerate(features):
            how = (4, 1, 0) if number == 0 else (4, 2, 1)
            layer = convolution(rank, before, size, *how, transposed=True)
            setattr(self, f"Conv_{number}", layer)
            setattr(self, f"Normalise_{number}", norm(rank, size))
            before = size
        last = convolution(rank, before, channels, transposed=True)
        setattr(self, f"Conv_{count}", last)

    def forward(self, code):
        x = code.view(*code.shape, *(1,) * self.rank)
        for number in range(self.count):
            x = getattr(self, f"Conv_{number}")(x)
            x = functional.relu(getattr(self, f"Normalise_{number}")(x))
        x = getattr(self, f"Conv_{self.count}")(x)
        return torch.tanh(x) if self.rank == 2 else x


class Generator(nn.Module):
    """Encoder, decoder and second encoder."""

    def __init__(self, rank: int, side: int, channels: int, *sizes: int) -> None:
        super().__init__()
        self.encoder = Encoder(rank, side, channels, *sizes)
        self.decoder = Decoder(rank, side, channels, *sizes)
        self.encoder_again = Encoder(rank, side, channels, *sizes)

    def forward(self, x):
        code, _ = self.encoder(x)
        made = self.decoder(code)
        return code, made, self.encoder_again(made)[0]


class Ganomaly:
    """Both networks and their Adams.

    The discriminator sees the batch and the reconstructions once in a step; what both
    losses need is taken from that one pass.
    """

    def __init__(self, config: Any, compiled: bool) -> None:
        self.config, rank = config, 2 if config.images else 1
        width = config.width or (64 if config.images else 32)
        codes = config.latent or (100 if config.images else 32)
        cap = 1 << 20 if config.images else 512
        shape = (rank, config.side, config.channels, width, cap)
        self.generator = Generator(*shape, codes)
        self.discriminator = Encoder(*shape, 1)
        if config.images:
            for network in (self.generator, self.discriminator):
                network.to(memory_format=torch.channels_last)
        self.adams = [
            torch.optim.Adam(
                network.parameters(),
                lr=config.learning_rate,
                betas=(config.beta1, 0.999),
                fused=True,
            )
            for network in (self.generator, self.discriminator)
        ]
        self.generate: Any = self.generator
        self.judge: Any = self.discriminator
        if compiled:
            # The generator's pass is used by two backward passes.
            torch._functorch.config.donated_buffer = False
            self.generate = torch.compile(self.generator)
            self.judge = torch.compile(self.discriminator)
        self.residual = config.residual
        if self.residual is None:
            self.residual = 0.0 if config.images else 1.0

    def load(self, params: Mapping[str, Any], judge: Mapping[str, Any]) -> None:
        """Takes the library's parameters of generator and discriminator."""
        load(self.generator, params)
        load(self.discriminator, judge["Encoder_0"])

    def train_step(self, x) -> None:
        """One step on `x [B, S.., C]`; windows are seen through one crop."""
        self.generator.train()
        config, x = self.config, inside(self.crop(x))
        code, made, again = self.generate(x)
        real, real_features = self.judge(x)
        fake, fake_features = self.judge(made)
        loss = (
            config.adversarial
            * functional.mse_loss(fake_features, real_features.detach())
            + config.contextual * functional.l1_loss(made, x)
            + config.encoder * functional.mse_loss(again, code)
        )
        verdict = functional.softplus(-real).mean() + functional.softplus(fake).mean()
        for adam in self.adams:
            adam.zero_grad()
        loss.backward(inputs=list(self.generator.parameters()), retain_graph=True)
        (verdict / 2).backward(inputs=list(self.discriminator.parameters()))
        for adam in self.adams:
            adam.step()

    def crop(self, x):
        """Images as they are, a random part of windows."""
        if self.config.images:
            return x
        first = int(torch.randint(x.shape[1] - self.config.side + 1, ()))
        return x[:, first : first + self.config.side]

    def score(self, x):
        """Scores `[B, L]` of windows, the mean of two crops, or `[B]` of images."""
        self.generator.eval()
        side = self.config.side
        with torch.no_grad():
            if self.config.images:
                return self._of(x)
            length = x.shape[1]
            total = x.new_zeros(x.shape[:2])
            count = x.new_zeros(length)
            for first in {0, length - side}:
                part = slice(first, first + side)
                total[:, part] += self._of(x[:, part])
                count[part] += 1
            return total / count

    def _of(self, x):
        x = inside(x)
        code, made, again = self.generate(x)
        latent = ((code - again) ** 2).mean(1)
        if self.config.images:
            return latent
        return latent[:, None] + self.residual * (x - made).abs().mean(1)


class Layer(nn.Module):
    """A convolution and batch norm, or its own bias."""

    def __init__(self, normal: bool, *shape: Any, transposed: bool = False) -> None:
        super().__init__()
        rank, before, features, *how = shape
        self.convolution = convolution(
            rank, before, features, *how, transposed=transposed
        )
        if normal:
            self.BatchNorm_0 = norm(rank, features)
        else:
            self.convolution.bias = nn.Parameter(torch.zeros(features))
        self.normal = normal

    def forward(self, x, repeated: bool = False, length: int = 0):
        if length:
            x = self._of_repeated_steps(x, length)
        else:
            x = self._of_repeated(x) if repeated else self.convolution(x)
        return self.BatchNorm_0(x) if self.normal else x

    def _of_repeated(self, x):
        """Repeats every pixel on both axes, then convolves: one stride of two."""
        weight = self.convolution.weight
        for pads in (((0, 1), (1, 0)), ((0, 0, 0, 1), (0, 0, 1, 0))):
            first, second = (functional.pad(weight, pad) for pad in pads)
            weight = first + second
        return functional.conv_transpose2d(x, weight, self.convolution.bias, stride=2)

    def _of_repeated_steps(self, x, length: int):
        """Repeats every step, keeps `length` and convolves, by one stride of two."""
        weight, bias = self.convolution.weight, self.convolution.bias
        half = weight.shape[2] // 2
        turned = weight.flip(2).transpose(0, 1)
        joined = functional.pad(turned, (0, 1)) + functional.pad(turned, (1, 0))
        made = functional.conv_transpose1d(x, joined, bias, stride=2, padding=half)
        if length == made.shape[2]:
            return made
        # The last outputs must not see the step that is cut off.
        ends = weight[:, :, half + 1 :].flip(2)
        seen = torch.einsum("bc,fck->bfk", x[:, :, -1], ends)
        return made[:, :, :length] - functional.pad(seen, (length - half, 0))


class ImageAutoencoder(nn.Module):
    """Of square images of up to 40 pixels in [0, 1].

    Attributes:
        joined: Whether repeating pixels and convolving these is one operation.
    """

    joined = True

    def __init__(self, config: Any) -> None:
        super().__init__()
        width, codes = config.width or 50, config.codes
        left = ((config.window - 4) // 2 - 4) // 2
        plain = (1, 0)
        shapes = [
            (True, 2, config.channels, width, 5, *plain),
            (True, 2, width, width, 5, *plain),
            (True, 2, width, codes, left, *plain),
            (True, 2, codes, width, left, *plain),
            (True, 2, width, width, 5, *plain),
            (False, 2, width, config.channels, 5, *plain),
        ]
        for number, shape in enumerate(shapes):
            setattr(self, f"Layer_{number}", Layer(*shape, transposed=number > 2))

    def forward(self, x):
        for number in (0, 1):
            x = getattr(self, f"Layer_{number}")(x)
            x = functional.max_pool2d(functional.relu(x), 2)
        code = self.Layer_2(x)
        x = self.Layer_3(code)
        for number in (4, 5):
            if not self.joined:
                x = functional.interpolate(x, scale_factor=2, mode="nearest")
            made = getattr(self, f"Layer_{number}")(x, self.joined)
            x = functional.relu(made)
        return code.flatten(1), x


class WindowAutoencoder(nn.Module):
    """Of windows, each of three layers halving their length.

    Attributes:
        joined: Whether repeating steps and convolving these is one operation.
    """

    joined = True

    def __init__(self, config: Any) -> None:
        super().__init__()
        width, before, length = config.width or 32, config.channels, config.window
        self.lengths = [length]
        for number in range(3):
            features = width * 2**number
            shape = (True, 1, before, features, 5, 2, 2)
            setattr(self, f"Layer_{number}", Layer(*shape))
            before, length = features, (length - 1) // 2 + 1
            self.lengths.append(length)
        self.encode = uniform(length * before, config.codes, fan_in=length * before)
        self.decode = uniform(config.codes, length * before, fan_in=config.codes)
        for place, number in enumerate((2, 1, 0)):
            features = width * 2 ** (number - 1) if number else config.channels
            shape = (number > 0, 1, width * 2**number, features, 5, 1, 2)
            setattr(self, f"Layer_{3 + place}", Layer(*shape))

    def forward(self, x):
        for number in range(3):
            x = functional.relu(getattr(self, f"Layer_{number}")(x))
        flat = x.transpose(1, 2).reshape(len(x), -1)
        code = flat @ self.encode
        made = functional.relu(code @ self.decode)
        x = made.view(len(x), x.shape[2], -1).transpose(1, 2)
        for place, number in enumerate((2, 1, 0)):
            length = self.lengths[number]
            if self.joined:
                x = getattr(self, f"Layer_{3 + place}")(x, length=length)
            else:
                x = x.repeat_interleave(2, dim=2)[:, :, :length]
                x = getattr(self, f"Layer_{3 + place}")(x)
            x = functional.relu(x) if number else x
        return code, x


class DeepClustering:
    """Steps of reconstruction, and the reconstruction's error as score."""

    def __init__(self, config: Any, compiled: bool) -> None:
        self.config = config
        kind = ImageAutoencoder if config.images else WindowAutoencoder
        self.network = kind(config)
        if config.images:
            self.network.to(memory_format=torch.channels_last)
        every = list(self.network.parameters())
        # The loss has the sum of squared kernels, not half of it.
        groups = [
            {
                "params": [p for p in every if p.ndim > 1],
                "weight_decay": 2 * config.weight_decay,
            },
            {"params": [p for p in every if p.ndim == 1]},
        ]
        if config.optimizer or not config.images:
            rate = config.learning_rate or 1e-3
            self.optimizer = torch.optim.Adam(groups, lr=rate, fused=True)
        else:
            self.optimizer = torch.optim.SGD(
                groups,
                lr=config.learning_rate or 0.01,
                momentum=0.9,
                nesterov=True,
                fused=True,
            )
        self.run = torch.compile(self.network) if compiled else self.network

    def load(self, params: Mapping[str, Any]) -> None:
        """Takes the library's parameters."""
        load(self.network, params)

    def train_step(self, x) -> None:
        """One step on `x [B, S.., C]`."""
        self.network.train()
        self.optimizer.zero_grad()
        self._errors(x).mean().backward()
        self.optimizer.step()

    def score(self, x):
        """Scores `[B]`."""
        self.network.eval()
        with torch.no_grad():
            return self._errors(x)

    def _errors(self, x):
        x = inside((x + 1) / 2 if self.config.images else x)
        return ((self.run(x)[1] - x) ** 2).flatten(1).mean(1)
