"""Memory and bytes read of each host of a fleet, by the number of hosts.

    python -m benchmarks.throughput.hosts --data-root DIR --write FILE

Hosts are processes on the loopback; each has one device. They are stopped once each has
told what it found: the report of the run is not written.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtsad import files
from jaxtsad.experiments import facts

CONFIG = """
name = "hosts"

[data]
dataset = "smap"

[window]
length = 10
stride = 5

[detector]
name = "lstm_vae"

[training]
epochs = 1

[evaluation]
baselines = ["zscore"]
"""
SECONDS = 3000
HEAD = """# Hosts: memory and bytes read

    python -m benchmarks.throughput.hosts --data-root DIR --write FILE

An LSTM-VAE of each SMAP channel, one epoch, on 1, 2 and 3 hosts (processes on the
loopback with one device each). Peak memory is the process's when its entities are
scored; "before" it is what a process takes that has met the others and read nothing.
Read are bytes of files by system calls, programs kept on disk and Python's own apart.

| hosts | host | entities | data | read | peak memory | more than before |
|---|---|---|---|---|---|---|
"""


def measure(number: int, config: pathlib.Path, root: str) -> list[dict[str, Any]]:
    """What each of some hosts tells of itself.

    Raises:
        ValueError: If a host ends before it has told.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "run"
        command = [sys.executable, "-m", "jaxtsad", "run", str(config)]
        command += ["--data-root", root, "--out", str(out), "--hosts", str(number)]
        command += ["--coordinator", f"127.0.0.1:{port}"]
        processes = [
            subprocess.Popen(
                [*command, "--host", str(host)],
                env=os.environ | {"JAX_NUM_CPU_DEVICES": "1"},
                stdout=subprocess.DEVNULL,
            )
            for host in range(number)
        ]
        found = [out / "hosts" / f"1-{host}" / "found.json" for host in range(number)]
        try:
            until = time.monotonic() + SECONDS
            while not all(path.is_file() for path in found):
                if any(p.poll() is not None for p in processes):
                    raise ValueError(f"one of {number} hosts ended early")
                if time.monotonic() > until:
                    raise ValueError(f"{number} hosts took more than {SECONDS} s")
                time.sleep(0.1)
            return [json.loads(path.read_text())["host"] for path in found]
        finally:
            for process in processes:
                process.kill()
                process.wait()


def table(measured: Mapping[int, Sequence[Mapping[str, Any]]]) -> str:
    """The result file, of what hosts told by their number."""
    lines = []
    for number, each in measured.items():
        for one in each:
            sizes = [
                one["data_bytes"],
                one["read_bytes"],
                one["peak_memory_bytes"],
                one["peak_memory_bytes"] - one["memory_before_bytes"],
            ]
            shown = " | ".join(f"{size / 2**20:,.1f} MiB" for size in sizes)
            lines.append(f"| {number} | {one['host']} | {one['entities']} | {shown} |")
        data, read = (
            sum(o[f"{name}_bytes"] for o in each) for name in ("data", "read")
        )
        entities = sum(one["entities"] for one in each)
        shown = f"{data / 2**20:,.1f} MiB | {read / 2**20:,.1f} MiB"
        lines.append(f"| {number} | together | {entities} | {shown} | | |")
    return HEAD + "\n".join(lines) + "\n"


def main() -> None:
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--write", help="where the table goes; else it is printed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "hosts.toml"
        config.write_text(CONFIG)
        measured = {n: measure(n, config, options.data_root) for n in options.hosts}
    versions = facts.versions()
    end = f"\n{facts.device()}, JAX {versions['jax']}, Python {versions['python']}.\n"
    text = table(measured) + end
    if options.write:
        files.write_text(options.write, text)
    print(text)


if __name__ == "__main__":
    main()
