"""Where things lie: what travels with the package, and the root of the public data."""

from __future__ import annotations

import importlib.resources
import os
import pathlib


def bundled(*parts: str) -> pathlib.Path:
    """Path of a file or folder that travels with the package.

    In a wheel it lies below `jaxtsad/_bundled`, in a checkout below the repository.

    Args:
        *parts: The path in the repository, such as `"data", "demo"`.

    Raises:
        FileNotFoundError: If it lies in neither place.

    Example:
        >>> bundled("data", "checksums.txt").name
        'checksums.txt'
    """
    package = pathlib.Path(str(importlib.resources.files("jaxtsad")))
    places = [package / "_bundled", package.parent]
    for place in places:
        if place.joinpath(*parts).exists():
            return place.joinpath(*parts)
    wanted = "/".join(parts)
    raise FileNotFoundError(
        f"{wanted} does not travel with this installation: looked below "
        f"{' and '.join(map(str, places))}"
    )


def data_root(root: str | os.PathLike[str] | None = None) -> pathlib.Path:
    """The folder of the public data: `root`, else `JAXTSAD_DATA`, else `data/`.

    Without either it is the `data/` of the checkout the package runs from, or else of
    the working directory.

    Raises:
        FileNotFoundError: If the folder is not there.
    """
    named = root or os.environ.get("JAXTSAD_DATA")
    checkout = pathlib.Path(str(importlib.resources.files("jaxtsad"))).parent
    local = checkout if (checkout / "pyproject.toml").is_file() else pathlib.Path()
    path = pathlib.Path(named).expanduser() if named else local / "data"
    if not path.is_dir():
        raise FileNotFoundError(
            f"the data root {path} is not a folder; name one with --data-root or "
            "JAXTSAD_DATA"
        )
    return path
