"""Draws three figures that dance to the sample's tune: they land on each beat.

Lengths are shares of the picture's height, so that one drawing serves every size. Four lamps count
the bar, and the floor lights up on each beat, most on the first of a bar: one sees whether a sound
is in sync.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Picture = NDArray[np.uint8]
Point = tuple[float, float]
Colour = tuple[int, int, int]

OVERSAMPLING = 2
"""The figures are drawn this many times larger, so that their edges are smooth."""
TORSO, NECK = 0.30, 0.105
UPPER_ARM, FOREARM = 0.155, 0.145
THIGH, SHIN = 0.235, 0.235
ARM_THICK, LEG_THICK, TORSO_THICK = 0.046, 0.06, 0.105
MOVE_FROM = 0.35
"""The share of a beat that a pose is held before the next one begins."""
BACKDROP, HAZE, GLOW = (17, 14, 22), (38, 27, 46), (194, 40, 96)
SKIN, SHIRT, TROUSERS = (247, 205, 172), (255, 126, 164), (240, 234, 244)
HAIR, DISTANCE = (64, 38, 60), (58, 34, 62)
LAMP, LAMP_OFF = (255, 214, 120), (62, 52, 72)


@dataclass(frozen=True)
class Pose:
    """Where a dancer's hip and feet are (shares of a dancer's height, the floor is 0), and how the
    arms hang: degrees of upper arm and forearm outward from straight down, left and right."""

    hip: Point
    lean: float
    left: Point
    right: Point
    feet: Point

    def mirrored(self) -> Pose:
        """The same to the other side."""
        x, y = self.hip
        return Pose((-x, y), -self.lean, self.right, self.left, (-self.feet[1], -self.feet[0]))

    def to(self, other: Pose, share: float) -> Pose:
        """A pose on the way to another one; ``share`` is 0 here and 1 there."""

        def mix(a: Point, b: Point) -> Point:
            return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)

        return Pose(
            mix(self.hip, other.hip),
            self.lean + (other.lean - self.lean) * share,
            mix(self.left, other.left),
            mix(self.right, other.right),
            mix(self.feet, other.feet),
        )


_HALF = (
    Pose((0.00, 0.41), 0.0, (150.0, 172.0), (38.0, -60.0), (-0.15, 0.15)),
    Pose((0.07, 0.43), 8.0, (75.0, 20.0), (95.0, 165.0), (-0.13, 0.17)),
    Pose((-0.05, 0.38), -10.0, (100.0, 100.0), (60.0, 130.0), (-0.20, 0.12)),
    Pose((0.02, 0.44), 4.0, (40.0, -70.0), (140.0, 185.0), (-0.06, 0.10)),
    Pose((0.08, 0.39), 12.0, (118.0, 60.0), (118.0, 60.0), (-0.10, 0.22)),
    Pose((0.00, 0.44), 0.0, (155.0, 200.0), (155.0, 200.0), (-0.08, 0.08)),
)
POSES: Sequence[Pose] = (*_HALF, *(pose.mirrored() for pose in _HALF))
"""One a beat, over and over: three bars."""


def draw(beats: float, width: int, height: int) -> Picture:
    """The picture at a moment of the tune (beats from its beginning), shape (height, width, 3)."""
    phase = beats % 1.0
    flash = math.exp(-6 * phase) * (1.0 if int(beats) % 4 == 0 else 0.45)
    ground = Image.fromarray(_stage(width, height, flash))
    scale = OVERSAMPLING * height
    layer = Image.new("RGBA", (OVERSAMPLING * width, OVERSAMPLING * height), (*BACKDROP, 0))
    pen = ImageDraw.Draw(layer)
    middle = OVERSAMPLING * width / 2
    for lamp in range(4):
        colour = LAMP if lamp == int(beats) % 4 else LAMP_OFF
        _disc(pen, (middle + (lamp - 1.5) * 0.07 * scale, 0.075 * scale), 0.014 * scale, colour)
    pose = pose_at(beats)
    for side in (-1, 1):  # two behind, who do the same a little smaller
        _dancer(pen, pose, (middle + side * 0.46 * scale, 0.83 * scale), 0.60 * scale, shade=0.55)
    _dancer(pen, pose, (middle, 0.93 * scale), 0.80 * scale, shade=0.0)
    ground.paste(small := layer.reduce(OVERSAMPLING), (0, 0), small)
    return np.asarray(ground)


def pose_at(beats: float) -> Pose:
    """How a dancer stands: a pose is reached on its beat, with a dip as the weight lands."""
    beat, phase = int(beats), beats % 1.0
    share = max(0.0, (phase - MOVE_FROM) / (1 - MOVE_FROM))
    share = share * share * (3 - 2 * share)
    pose = POSES[beat % len(POSES)].to(POSES[(beat + 1) % len(POSES)], share)
    dip = 0.035 * math.sin(math.pi * min(1.0, phase / MOVE_FROM))
    hop = 0.03 * math.sin(math.pi * share)
    x, y = pose.hip
    return Pose((x, y - dip + hop), pose.lean, pose.left, pose.right, pose.feet)


def _stage(width: int, height: int, flash: float) -> Picture:
    """The backdrop with a light behind the dancers and one on the floor, which flashes."""
    ground, pool = _lights(width, height)
    mixed = ground + (0.25 + 0.5 * flash) * pool[..., None] * (np.array(GLOW) - ground)
    return np.clip(mixed, 0, 255).astype(np.uint8)


@lru_cache(maxsize=2)
def _lights(width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What does not change: the lit backdrop, shape (height, width, 3), and the strength of the
    light on the floor, shape (height, width), 0 to 1."""
    rows = np.linspace(0, 1, height)[:, None]
    columns = (np.arange(width) - width / 2)[None, :] / height
    floor = np.clip((rows - 0.80) / 0.012, 0, 1)
    light = 0.5 * np.exp(-((columns / 0.62) ** 2) - ((rows - 0.52) / 0.42) ** 2) * (1 - floor)
    pool = floor * np.exp(-((columns / 0.7) ** 2) - ((rows - 0.92) / 0.09) ** 2)
    ground = np.array(BACKDROP) + rows[..., None] * (np.array(HAZE) - np.array(BACKDROP))
    ground = ground * (1 - 0.25 * floor[..., None])
    ground = ground + light[..., None] * (np.array(GLOW) - ground)
    return ground.astype(np.float32), pool.astype(np.float32)


def _dancer(pen: ImageDraw.ImageDraw, pose: Pose, at: Point, size: float, *, shade: float) -> None:
    """One dancer; ``at`` is the point of the floor between the feet, in pixels."""

    def place(point: Point) -> Point:
        return (at[0] + point[0] * size, at[1] - point[1] * size)

    def tone(colour: Colour) -> Colour:
        red, green, blue = (
            round(c + shade * (b - c)) for c, b in zip(colour, DISTANCE, strict=True)
        )
        return red, green, blue

    hip = pose.hip
    up = _turned(pose.lean, TORSO)
    neck = (hip[0] + up[0], hip[1] + up[1])
    for side, foot in zip((-1, 1), pose.feet, strict=True):
        top = (hip[0] + side * 0.035, hip[1])
        knee = _bent(top, (foot, 0.02), THIGH, SHIN, side)
        _limb(pen, [place(p) for p in (top, knee, (foot, 0.02))], LEG_THICK * size, tone(TROUSERS))
        toe = [place((foot, 0.012)), place((foot + side * 0.055, 0.012))]
        _limb(pen, toe, 0.044 * size, tone(SHIRT))
    body = [place((hip[0], hip[1] + 0.03)), place((neck[0], neck[1] - 0.035))]
    _limb(pen, body, TORSO_THICK * size, tone(SHIRT))
    tip = _turned(pose.lean * 0.6, NECK)
    head = (neck[0] + tip[0], neck[1] + tip[1])
    _limb(pen, [place(neck), place(head)], 0.04 * size, tone(SKIN))
    _disc(pen, place((head[0], head[1] + 0.012)), 0.062 * size, tone(HAIR))
    _disc(pen, place((head[0], head[1] - 0.012)), 0.054 * size, tone(SKIN))
    for side, (upper, fore) in zip((-1, 1), (pose.left, pose.right), strict=True):
        shoulder = (neck[0] + side * 0.062, neck[1] - 0.045)
        elbow = _hanging(shoulder, side, upper, UPPER_ARM)
        hand = _hanging(elbow, side, fore, FOREARM)
        _limb(pen, [place(p) for p in (shoulder, elbow, hand)], ARM_THICK * size, tone(SKIN))
        sleeve = (
            shoulder[0] + 0.5 * (elbow[0] - shoulder[0]),
            shoulder[1] + 0.5 * (elbow[1] - shoulder[1]),
        )
        _limb(pen, [place(shoulder), place(sleeve)], 0.062 * size, tone(SHIRT))


def _turned(degrees: float, length: float) -> Point:
    """A step straight up, turned clockwise."""
    return (math.sin(math.radians(degrees)) * length, math.cos(math.radians(degrees)) * length)


def _hanging(start: Point, side: int, degrees: float, length: float) -> Point:
    """The end of a part of an arm that hangs at so many degrees outward from straight down."""
    angle = math.radians(degrees)
    return (start[0] + side * math.sin(angle) * length, start[1] - math.cos(angle) * length)


def _bent(top: Point, foot: Point, thigh: float, shin: float, side: int) -> Point:
    """Where the knee is between hip and foot, bent outward."""
    dx, dy = foot[0] - top[0], foot[1] - top[1]
    far = min(math.hypot(dx, dy), (thigh + shin) * 0.999)
    along = (thigh**2 - shin**2 + far**2) / (2 * far)
    out = math.sqrt(max(0.0, thigh**2 - along**2))
    length = math.hypot(dx, dy)
    return (
        top[0] + along * dx / length - side * out * dy / length,
        top[1] + along * dy / length + side * out * dx / length,
    )


def _limb(pen: ImageDraw.ImageDraw, points: Sequence[Point], thick: float, colour: Colour) -> None:
    """A line through points with round joints and ends."""
    pen.line([c for point in points for c in point], fill=(*colour, 255), width=round(thick))
    for point in points:
        _disc(pen, point, thick / 2, colour)


def _disc(pen: ImageDraw.ImageDraw, at: Point, radius: float, colour: Colour) -> None:
    box = (at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius)
    pen.ellipse(box, fill=(*colour, 255))
