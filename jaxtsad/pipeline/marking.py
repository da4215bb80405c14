"""Which windows of a part are drawn for validation, or meet known anomalies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxtsad.ops.windows import WindowView


def draw_windows(
    view: WindowView, share: float, seed: int
) -> tuple[WindowView, WindowView | None]:
    """Draws a share of a view's windows at random (`Setup.split="windows"`).

    Args:
        view: All windows of a training part.
        share: Share of the windows to draw, in [0, 1).
        seed: Seed of the draw.

    Returns:
        The windows that are left, and those drawn, or None where there are none. Both
        keep the role of the view: they share steps.
    """
    held_out = int(view.size * share + 1e-9)
    order = np.random.default_rng(seed).permutation(view.size)
    if not held_out:
        return view, None
    return _chosen(view, order[held_out:]), _chosen(view, order[:held_out])


def _chosen(view: WindowView, index: np.ndarray) -> WindowView:
    where = np.sort(index)
    names = ("starts", "weight", "known")
    return view.with_arrays(**{name: getattr(view, name)[where] for name in names})


def meeting(view: WindowView, known: Sequence[np.ndarray]) -> np.ndarray:
    """Which windows `[N]` of parts of recordings meet a known anomaly.

    Args:
        view: The windows.
        known: `[T]` bool of each part, which together are as long as the view's series.
    """
    count = np.concatenate([[0], np.cumsum(np.concatenate(known))])
    starts = np.asarray(view.starts)
    meets: np.ndarray = count[starts + view.length] > count[starts]
    return meets


def mark_windows(
    view: WindowView, known: Sequence[np.ndarray], learns: bool
) -> WindowView:
    """Marks the windows that meet a known anomaly, or leaves them out.

    Args:
        view: Windows of parts of recordings.
        known: `[T]` bool of each part, which together are as long as the view's series.
        learns: Whether marked windows are learnt from; else their weight becomes 0.

    Raises:
        ValueError: If every window is a known anomaly.
    """
    meets = meeting(view, known)
    if meets.all():
        raise ValueError(f"all {len(meets)} windows meet known anomalies")
    if learns:
        return view.with_arrays(known=meets.astype(np.float32))
    return view.with_arrays(weight=np.where(meets, np.float32(0), view.weight))
