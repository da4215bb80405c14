"""What is measured on a GPU, most important first; see `run.sh`.

Every case writes one line of JSON when it is done, so a run that is cut short still
tells what it had measured. A case that fails says how, and the next one goes on.
"""

from __future__ import annotations

import argparse
import collections
import functools
import json
import pathlib
import statistics
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.throughput import library, timing
from benchmarks.throughput.options import Row
from jaxtsad import detectors
from jaxtsad import types as roles
from jaxtsad.ops import windows
from jaxtsad.ops.attention import dispatch as attention
from jaxtsad.training import fleet

HEADS, CHANNELS, LAYERS = 8, 25, 3
RUNS = 3
PRECISIONS = ("default", "bfloat16", "float32")
# The first one that a size allows is what the others are compared with.
IMPLEMENTATIONS = ("definition", "xla", "mosaic")
Facts = dict[str, Any]


class Kit:
    """Where lines go, how long there is, and how large the cases are.

    Args:
        out: Folder of `results.jsonl`.
        budget: Seconds after which no further case begins.
        quick: Small sizes: whether it works, not how fast it is.
    """

    def __init__(self, out: pathlib.Path, budget: float, quick: bool) -> None:
        self.path, self.budget, self.quick = out / "results.jsonl", budget, quick
        self.began = time.perf_counter()
        self.seconds = 0.05 if quick else 2.0
        self.batch, self.width = (4, 16) if quick else (256, 512)

    def write(self, case: str, facts: Facts) -> None:
        """Appends a line and prints it."""
        at = round(time.perf_counter() - self.began, 1)
        line = json.dumps({"case": case, "at": at, **facts})
        print(line, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def run(self, case: str, measure: Callable[[], Facts]) -> None:
        """Runs a case where there is time left, and tells how it failed."""
        if time.perf_counter() - self.began > self.budget:
            return self.write(case, {"skipped": "no time left"})
        try:
            facts = measure()
        except Exception as error:  # every other case still counts
            reason = f"{type(error).__name__}: {error}"[:300]
            traceback.print_exc(limit=-3)
            facts = {"failed": reason}
        self.write(case, facts)


def rates(call: Callable[[], Any], amount: float, kit: Kit) -> Facts:
    """Median of three runs, many calls queued in each, the last waited for.

    Args:
        call: Starts the work and returns what to wait for.
        amount: What one call gets done.
    """
    began = time.perf_counter()
    wait(call())
    first = time.perf_counter() - began
    wait(call())
    began = time.perf_counter()
    wait(call())
    count = max(1, int(kit.seconds / RUNS / (time.perf_counter() - began)))
    found = []
    for _ in range(RUNS):
        began = time.perf_counter()
        for _ in range(count):
            last = call()
        wait(last)
        found.append(amount * count / (time.perf_counter() - began))
    return {
        "per_s": round(statistics.median(found), 1),
        "runs": [round(rate, 1) for rate in found],
        "first_call_s": round(first, 2),
    }


def wait(result: Any) -> None:
    """Until the device has finished, whoever's it is."""
    jax.block_until_ready(result)
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()


def operations(kit: Kit) -> None:
    """Attention forward and with gradients, every implementation, beside cuDNN."""
    sizes = ((2, 16),) if kit.quick else ((256, 100), (16, 1024), (1, 8192))
    for batch, length in sizes:
        shape = (batch, length, HEADS, kit.width // HEADS)
        rng = np.random.default_rng(0)
        drawn = [jnp.asarray(rng.normal(size=shape), jnp.float32) for _ in range(3)]
        sigma = rng.uniform(0.5, 9.0, (batch, HEADS, length))
        args = (*drawn, jnp.asarray(sigma, jnp.float32))
        truth = None
        for precision in PRECISIONS[::-1]:
            for name in IMPLEMENTATIONS:
                if length > 1024 and name == "definition":
                    continue
                run = functools.partial(
                    attention.anomaly_attention,
                    precision=precision,
                    implementation=name,
                )
                if truth is None:
                    truth = jax.jit(gradients(run))(*args)
                for part, made in (("forward", run), ("gradient", gradients(run))):
                    compare = truth if part == "gradient" else None
                    kit.run(
                        f"attention {name} {precision} {part} B={batch} L={length}",
                        functools.partial(operation, made, args, compare, kit),
                    )
        halves = [x.astype(jnp.bfloat16) for x in drawn]
        for part in ("forward", "gradient"):
            kit.run(
                f"attention alone, cuDNN, bfloat16 {part} B={batch} L={length}",
                functools.partial(cudnn, halves, part, kit),
            )


def gradients(run: Callable[..., Any]) -> Callable[..., Any]:
    """Of all four inputs, through values and both divergences."""

    def total(*args: jax.Array) -> jax.Array:
        values, series, prior = run(*args)
        turned = jnp.cos(jnp.arange(values.size, dtype=jnp.float32))
        mixed = (values.astype(jnp.float32).ravel() * turned).sum()
        return mixed - series.sum() + prior.sum()

    return jax.grad(total, argnums=(0, 1, 2, 3))


def operation(run: Any, args: Any, truth: Any, kit: Kit) -> Facts:
    """Rate in windows, temporary memory and the distance to float32's gradients."""
    began = time.perf_counter()
    compiled = jax.jit(run).lower(*args).compile()
    seconds = time.perf_counter() - began
    facts: Facts = {"compile_s": round(seconds, 2)}
    if truth is not None:
        pairs = zip(compiled(*args), truth, strict=True)
        far = [float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)) for a, b in pairs]
        facts["gradient_errors"] = [float(f"{x:.2g}") for x in far]
    memory = compiled.memory_analysis().temp_size_in_bytes
    facts["temporary_mib"] = round(memory / 2**20, 1)
    return {**facts, **rates(lambda: compiled(*args), args[0].shape[0], kit)}


def cudnn(args: Any, part: str, kit: Kit) -> Facts:
    """Softmax attention without any divergence: less work than ours does."""
    run = functools.partial(jax.nn.dot_product_attention, implementation="cudnn")
    if part == "gradient":

        def total(*args: jax.Array) -> jax.Array:
            return run(*args).astype(jnp.float32).sum()

        made = jax.jit(jax.grad(total, argnums=(0, 1, 2)))
    else:
        made = jax.jit(run)
    return rates(lambda: made(*args), args[0].shape[0], kit)


def ours(kit: Kit, precision: str, implementation: str) -> Iterator[tuple[str, Facts]]:
    """Training by `training.fit` and scoring by `training.scoring`."""
    detector = transformer_detector(kit, precision, implementation)
    yield from library_rates(kit, detector, (100, CHANNELS), kit.batch, 64, 1)


def transformer_detector(kit: Kit, precision: str, implementation: str) -> Any:
    """The Anomaly Transformer in the sizes of the kit."""
    options = {
        "window": 100,
        "channels": CHANNELS,
        "width": kit.width,
        "heads": HEADS,
        "layers": LAYERS,
        "hidden": kit.width,
        "batch_size": kit.batch,
        "precision": precision,
        "implementation": implementation,
    }
    return detectors.load("anomaly_transformer", options)


def library_rates(
    kit: Kit, detector: Any, shape: tuple[int, int], batch: int, batches: int, m: int
) -> Iterator[tuple[str, Facts]]:
    """Training and scoring of a fleet of `m` members, as users run them."""
    case = library_case(kit, detector, shape, batch, batches, m)
    for name in ("training", "scoring"):
        contender = getattr(case, name)()
        seconds = contender.warm()
        works = [contender.run() for _ in range(RUNS - 1)]
        found = [round(work.windows / work.seconds, 1) for work in works]
        memory = jax.local_devices()[0].memory_stats() or {}
        yield (
            name,
            {
                "per_s": statistics.median(found),
                "runs": found,
                "compile_s": round(seconds, 1),
                "peak_mib": round(memory.get("peak_bytes_in_use", 0) / 2**20),
            },
        )


def library_case(
    kit: Kit, detector: Any, shape: tuple[int, int], batch: int, batches: int, m: int
) -> library.Case:
    """A fleet of `m` members on made-up data."""
    window, channels = shape
    steps = batch * (2 if kit.quick else batches) + window - 1
    values = np.random.default_rng(0).normal(size=(steps, channels))
    part, _ = roles.cut_train(values.astype(np.float32), window=window, validation=0)
    stacked = jax.device_put(fleet.stack([windows.view([part], window, 1)] * m))
    return library.Case(detector, stacked, batch, kit.seconds)


def each(kit: Kit, case: str, parts: Callable[[], Iterator[tuple[str, Facts]]]) -> None:
    """Writes a line per part of a case; a failure is the case's own."""

    def all_but_last() -> Facts:
        for name, facts in parts():
            kit.write(f"{case} {name}", facts)
        return {"done": True}

    kit.run(case, all_but_last)


def transformer(kit: Kit) -> None:
    """The Anomaly Transformer: ours and the best PyTorch in turn, then published."""
    import torch

    from benchmarks.throughput import torch_anomaly_transformer as published
    from benchmarks.throughput.torch_best.anomaly_transformer import Peer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    config = types.SimpleNamespace(
        window=100,
        channels=CHANNELS,
        width=kit.width,
        heads=HEADS,
        layers=LAYERS,
        hidden=kit.width,
        dropout=0.0,
        k=3.0,
        temperature=50.0,
        learning_rate=1e-4,
    )
    x = torch.randn(kit.batch, 100, CHANNELS, device=device)

    def best(precision: str, how: str) -> None:
        def parts() -> Iterator[tuple[str, Facts]]:
            peer = Peer(config, device, precision, how == "torch.compile")
            yield "scoring", rates(lambda: peer.score(x), kit.batch, kit)
            yield "training", rates(lambda: peer.train_step(x), kit.batch, kit)

        each(kit, f"best PyTorch, {how}, {precision}", parts)

    for precision in ("bfloat16", "default", "float32"):
        case = f"anomaly_transformer {precision}"
        each(kit, case, functools.partial(ours, kit, precision, "auto"))
        best("tf32" if precision == "default" else precision, "torch.compile")
    model, optimizer = published.build(config)
    model = model.to(device)
    calls = {
        "training": lambda: published.train_step(model, optimizer, x),
        "scoring": lambda: published.score(model, x),
    }
    for tf32 in (True, False):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        for name, call in calls.items():
            case = f"published code, eager, {'tf32' if tf32 else 'float32'} {name}"
            kit.run(case, functools.partial(rates, call, kit.batch, kit))
    for precision in ("bfloat16", "tf32", "float32"):
        best(precision, "eager")


def profile(kit: Kit) -> None:
    """Where a training step of the Anomaly Transformer in bfloat16 spends its time."""
    detector = transformer_detector(kit, "bfloat16", "auto")
    case = library_case(kit, detector, (100, CHANNELS), kit.batch, 64, 1)
    contender = case.training()
    contender.warm()

    def measure() -> Facts:
        with tempfile.TemporaryDirectory() as folder:
            with jax.profiler.trace(folder):
                work = contender.run()
            (path,) = pathlib.Path(folder).rglob("*.xplane.pb")
            spent = kernel_times(path)
        total, steps = sum(spent.values()), work.windows / kit.batch
        largest = sorted(spent.items(), key=lambda pair: -pair[1])[:40]
        share = {name: round(time / total, 4) for name, time in largest}
        step = {"ms": work.seconds / steps * 1e3, "kernels_ms": total / steps / 1e6}
        return {**{name: round(x, 3) for name, x in step.items()}, "share": share}

    kit.run("anomaly_transformer bfloat16 training, share of kernels", measure)


def kernel_times(path: pathlib.Path) -> dict[str, float]:
    """Nanoseconds per kernel of a trace, summed over its calls on the device."""
    spent: dict[str, float] = collections.Counter()
    for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
        if plane.name.startswith("/device:GPU"):
            for line in plane.lines:
                if line.name.startswith("Stream"):
                    for event in line.events:
                        spent[event.name] += event.duration_ns
    if not spent:
        raise ValueError("the trace holds no kernels of a GPU")
    return spent


def kernels(kit: Kit) -> None:
    """The whole network on the Pallas kernels."""
    for precision in ("bfloat16", "default"):
        case = f"anomaly_transformer {precision} mosaic"
        each(kit, case, functools.partial(ours, kit, precision, "mosaic"))


def fleets(kit: Kit) -> None:
    """LSTM-VAEs, alone and many at once, beside PyTorch's cuDNN layer."""
    detector = detectors.load(
        "lstm_vae", {"window": 10, "channels": CHANNELS, "batch_size": 32}
    )
    for members in (1, 2) if kit.quick else (1, 28, 256, 1024):
        run = functools.partial(
            library_rates, kit, detector, (10, CHANNELS), 32, 32, members
        )
        each(kit, f"lstm_vae fleet of {members}", run)
    import torch

    from benchmarks.throughput import torch_lstm_vae

    device = "cuda" if torch.cuda.is_available() else "cpu"
    peer = torch_lstm_vae.build(device=device)
    x = torch.randn(32, 10, CHANNELS, device=device)
    parts = {
        "training": lambda: torch_lstm_vae.train_step(peer, x),
        "scoring": lambda: torch_lstm_vae.score(peer, x),
    }
    for name, call in parts.items():
        case = f"lstm_vae, PyTorch eager {name}"
        kit.run(case, functools.partial(rates, call, 32, kit))


def searches(kit: Kit) -> None:
    """Latent search over samples, three restarts each but for the last."""
    from benchmarks.throughput.suites import search

    sizes = search.SMOKE if kit.quick else search.Sizes()
    for samples, restarts in ((2, 2),) if kit.quick else ((16, 4), (128, 4)):

        def measure(samples=samples, restarts=restarts):
            case = search.Case(sizes, samples, restarts, kit.seconds)
            timed = timing.alternate([case.contender()], RUNS)[0]
            return {
                "per_s": round(timed.median, 1),
                "runs": [round(rate, 1) for rate in timed.rates],
                "compile_s": round(timed.warm_s, 1),
            }

        kit.run(f"latent search, {samples} samples x {restarts} restarts", measure)


def agents(kit: Kit) -> None:
    """DPLAN's steps over seeds."""
    from benchmarks.throughput.suites import dplan

    for seeds in (2,) if kit.quick else (10, 256):

        def measure(seeds=seeds):
            sizes = (dplan.SMOKE if kit.quick else dplan.REAL)._replace(seeds=seeds)
            case = dplan.Case(sizes, sizes.timed)
            timed = timing.alternate([case.contender()], 1)[0]
            return {
                "per_s": round(timed.median, 1),
                "compile_s": round(timed.warm_s, 1),
            }

        kit.run(f"dplan, {seeds} seeds", measure)


def flagship(kit: Kit) -> None:
    """The default detector over 10,000 columns, 25 to a recording."""
    from benchmarks.throughput.suites import recordings

    count, steps = (2, 400) if kit.quick else (400, 1000)
    size = recordings.Size("10,000 columns", count, steps, steps, CHANNELS)
    kit.run("pretrained_tcn", lambda: recordings.row("pretrained_tcn", size, 1))


GROUPS: dict[str, Callable[[Kit], None]] = {
    "transformer": transformer,
    "profile": profile,
    "fleets": fleets,
    "searches": searches,
    "agents": agents,
    "flagship": flagship,
    "kernels": kernels,
    "operations": operations,
}


def main() -> None:
    """Runs the groups asked for, in the order given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.cases")
    parser.add_argument("groups", nargs="*", default=list(GROUPS), metavar="GROUP")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    parser.add_argument("--budget", type=float, default=420.0, metavar="SECONDS")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    kit = Kit(asked.out, asked.budget, asked.quick)
    device = jax.devices()[0]
    facts: Row = {"device": device.device_kind, "jax": jax.__version__}
    kit.write("machine", {**facts, "python": sys.version.split()[0]})
    for group in asked.groups:
        GROUPS[group](kit)
    kit.write("done", {})


if __name__ == "__main__":
    main()
