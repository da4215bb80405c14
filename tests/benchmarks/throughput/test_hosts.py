"""The table of memory and bytes read by hosts."""

from __future__ import annotations

from benchmarks.throughput import hosts


def test_a_row_for_each_host_and_one_for_all_together() -> None:
    mib = 2**20
    told = [
        {
            "host": host,
            "entities": 2 - host,
            "data_bytes": (2 - host) * mib,
            "read_bytes": (3 - host) * mib,
            "peak_memory_bytes": 500 * mib,
            "memory_before_bytes": 300 * mib,
        }
        for host in range(2)
    ]
    rows = hosts.table({2: told}).splitlines()[-3:]
    assert rows == [
        "| 2 | 0 | 2 | 2.0 MiB | 3.0 MiB | 500.0 MiB | 200.0 MiB |",
        "| 2 | 1 | 1 | 1.0 MiB | 2.0 MiB | 500.0 MiB | 200.0 MiB |",
        "| 2 | together | 3 | 3.0 MiB | 5.0 MiB | | |",
    ]
