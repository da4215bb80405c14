#!/usr/bin/env bash
# The figures of a GPU, for a bare machine without network: run in the root of the
# project, with an optional folder for the results and groups of cases to measure.
#
#     benchmarks/gpu/run.sh [OUT [--quick] [GROUP ...]]
#
# With groups the tests are left out. `--quick` takes small sizes, on a CPU too: does it work?
# What the machine lacks of the dependencies is installed from wheels in `.wheels/`:
# pydantic, pooch, tensorboardX, polars and, for the tests, chex where they are missing.
set -u
cd "$(dirname "$0")/../.."
out="${1:-gpu-results}"
mkdir -p "$out"
shift || true
if ls .wheels/*.whl >/dev/null 2>&1; then
    site="$(mktemp -d)"
    python3 -m pip install -q --no-index --no-deps --target "$site" .wheels/*.whl
    export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
fi
export PYTHONUNBUFFERED=1 XLA_PYTHON_CLIENT_MEM_FRACTION=.6
timeout 420 python3 -m benchmarks.gpu.cases --out "$out" "$@" 2>"$out/errors.txt"
if [ -z "${*/#--quick/}" ]; then
    # Several processes share the device, so none may take all of its memory.
    XLA_PYTHON_CLIENT_PREALLOCATE=false timeout 240 python3 -m pytest -q -m gpu \
        --continue-on-collection-errors \
        -o addopts= -o filterwarnings=default -p no:cacheprovider tests/ops \
        2>&1 | tee "$out/tests.txt" | tail -n 5
fi
