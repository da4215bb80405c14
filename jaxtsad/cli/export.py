"""A fitted detector as a folder that scores without this package."""

from __future__ import annotations

import argparse


def export(options: argparse.Namespace) -> None:
    """Exports a detector and says how far its scores are from the library's."""
    import jaxtsad

    formats = [word.strip() for word in options.format.split(",") if word.strip()]
    detector = jaxtsad.load(options.model)
    parity = detector.export(options.out, formats, entity=options.entity)
    for name, each in parity.items():
        apart = ", ".join(
            f"{format} within {difference:.2g}"
            for format, difference in each["largest_difference"].items()
        )
        print(f"{name}: {apart} of the library; {each['bytes'] / 1024:,.0f} KiB")
    print(f"python {options.out}/scorer.py --check; {options.out}")
