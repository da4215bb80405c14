"""Where rays meet boxes, balls, cylinders and cones, and which way the surface faces.

All functions take an array module `xp`, NumPy or `jax.numpy`, so that one text serves
both. Rays are in the object's coordinates: origins `o` and unit directions `d`,
`[N, P, 3]`; sizes are `[N, 1]`. A miss is infinitely far.
"""

from __future__ import annotations

from typing import Any

TINY = 1e-12
EDGE = 1e-6


def ball(xp: Any, o: Any, d: Any, radius: Any) -> Any:
    """Distances `[N, P]` to a ball around 0."""
    b, q = (o * d).sum(-1), (o * o).sum(-1) - radius**2
    root = b * b - q
    t = -b - xp.sqrt(xp.maximum(root, 0))
    return xp.where((root >= 0) & (t > 0), t, xp.inf)


def box(xp: Any, o: Any, d: Any, half: Any) -> Any:
    """Distances to a box of half-extents `[N, 1, 3]`."""
    safe = xp.where(xp.abs(d) < TINY, TINY, d)
    first, second = (-half - o) / safe, (half - o) / safe
    near = xp.minimum(first, second).max(-1)
    far = xp.maximum(first, second).min(-1)
    return xp.where((near <= far) & (far > 0), near, xp.inf)


def cylinder(xp: Any, o: Any, d: Any, radius: Any, height: Any) -> Any:
    """Distances to a cylinder about y of half-height `height`."""
    a = d[..., 0] ** 2 + d[..., 2] ** 2
    b = o[..., 0] * d[..., 0] + o[..., 2] * d[..., 2]
    q = o[..., 0] ** 2 + o[..., 2] ** 2 - radius**2
    root = b * b - a * q
    t = (-b - xp.sqrt(xp.maximum(root, 0))) / xp.where(a < TINY, 1.0, a)
    y = o[..., 1] + t * d[..., 1]
    side = (root >= 0) & (a >= TINY) & (xp.abs(y) <= height) & (t > 0)
    best = xp.where(side, t, xp.inf)
    for end in (height, -height):
        best = xp.minimum(best, _cap(xp, o, d, radius, end))
    return best


def cone(xp: Any, o: Any, d: Any, radius: Any, height: Any) -> Any:
    """Distances to a cone with its apex at y = height and its base at y = -height."""
    k2 = (radius / (2 * height)) ** 2
    w = height - o[..., 1]
    a = d[..., 0] ** 2 + d[..., 2] ** 2 - k2 * d[..., 1] ** 2
    b = o[..., 0] * d[..., 0] + o[..., 2] * d[..., 2] + k2 * w * d[..., 1]
    q = o[..., 0] ** 2 + o[..., 2] ** 2 - k2 * w**2
    root = b * b - a * q
    safe = xp.where(xp.abs(a) < TINY, TINY, a)
    best = _cap(xp, o, d, radius, -height)
    for sign in (-1, 1):
        t = (-b + sign * xp.sqrt(xp.maximum(root, 0))) / safe
        below = w - t * d[..., 1]
        side = (root >= 0) & (below >= 0) & (below <= 2 * height) & (t > 0)
        best = xp.minimum(best, xp.where(side, t, xp.inf))
    return best


def normal(xp: Any, kind: str, p: Any, size: Any) -> Any:
    """Unit normals `[N, P, 3]` at surface points `p`; `size` as for `distance`."""
    if kind == "ball":
        return p / size[:, None, :1]
    if kind == "box":
        relative = xp.abs(p) / size[:, None]
        largest = relative == relative.max(-1, keepdims=True)
        facing = xp.where(largest, xp.sign(p), 0.0)
        return facing / xp.sqrt(xp.maximum((facing**2).sum(-1, keepdims=True), TINY))
    radius, height = size[:, :1], size[:, 1:2]
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    nothing = xp.zeros_like(x)
    across = xp.sqrt(xp.maximum(x**2 + z**2, TINY))
    up = xp.stack([nothing, xp.sign(y), nothing], -1)
    if kind == "cylinder":
        side = xp.stack([x / across, nothing, z / across], -1)
        capped = xp.abs(y) >= height - EDGE
    else:
        slope = radius / (2 * height)
        side = xp.stack([x, slope * across, z], -1)
        side = side / xp.sqrt(xp.maximum((side**2).sum(-1, keepdims=True), TINY))
        capped = y <= -height + EDGE
    return xp.where(capped[..., None], up, side)


def distance(xp: Any, kind: str, o: Any, d: Any, size: Any) -> Any:
    """Distances `[N, P]` to a shape.

    `size [N, 3]` holds a box's half-extents, a ball's radius, or radius and half-height
    of the others.
    """
    if kind == "box":
        return box(xp, o, d, size[:, None])
    if kind == "ball":
        return ball(xp, o, d, size[:, :1])
    solid = {"cylinder": cylinder, "cone": cone}[kind]
    return solid(xp, o, d, size[:, :1], size[:, 1:2])


def _cap(xp: Any, o: Any, d: Any, radius: Any, y: Any) -> Any:
    """Distances to a disc across the y axis."""
    level = xp.abs(d[..., 1]) < TINY
    t = (y - o[..., 1]) / xp.where(level, 1.0, d[..., 1])
    across = (o[..., 0] + t * d[..., 0]) ** 2 + (o[..., 2] + t * d[..., 2]) ** 2
    return xp.where(~level & (across <= radius**2) & (t > 0), t, xp.inf)
