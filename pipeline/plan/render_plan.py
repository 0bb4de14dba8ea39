"""The render plan: which pictures of the dance are kept, and what sounds under them.

A plan is JSON both ways and says everything that ``render`` needs, so that a result can be
made again (a nudge, another mix) without aligning again. The decisions are in
``pipeline.plan.make``; here are only their names.

Three time lines occur: *dance time* and *reference time* (seconds from each container's
start), and *result time* (seconds from the first picture that is shown).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Literal, Self

from pipeline.media.info import Bounds, Loudness, MediaInfo
from pipeline.model import Segment, VariantName
from pipeline.plan.options import Action, RenderOptions
from pipeline.plan.size_limit import FULL_SOUND_BPS


@dataclass(frozen=True)
class Picture:
    """Which pictures are kept, by stamps of the dance's video stream."""

    stream: int
    """Its index in the container."""
    time_base: Fraction
    """One stamp unit (seconds)."""
    start: int
    """Stamp of the first picture that is shown; result time 0."""
    end: int
    """Stamp at which the last one ends."""
    frames: int
    """How many are shown."""
    first: int
    """How many pictures the dance shows before the first one that is kept."""
    key: int
    """Stamp of the key frame at which decoding begins, at most ``start``."""
    packets: int
    """How many packets from ``key`` on, in decoding order."""
    depth: int
    """How many packets a picture may be decoded before it is shown (reordering depth)."""
    step: int
    """The usual distance of two pictures (stamp units)."""
    action: Action
    reason: str
    """Why it is copied or re-encoded, one line."""
    rebuilt: bool
    """Whether the stamps are not the container's but ``pipeline.media.frame_times``' own, which
    stand for its packets in their order."""
    size: int = 0
    """How many bytes its packets have in the dance."""
    short_side: int = 0
    """To how many pixels its shorter side is brought when it is encoded; 0 keeps its size."""

    @property
    def duration(self) -> float:
        """Seconds."""
        return float((self.end - self.start) * self.time_base)


@dataclass(frozen=True)
class Piece:
    """A stretch of sound in the result."""

    source: Literal["reference", "dance"]
    start: float
    """Result time (seconds)."""
    end: float
    """Result time (seconds)."""
    source_start: float
    """Time on the source's own line at ``start`` (seconds)."""
    speed: float = 1.0
    """Source seconds for each result second."""
    stretch: Literal["none", "resample", "pitch_kept"] = "none"
    """How another speed is reached."""
    gain_db: float = 0.0
    fade_in: float = 0.0
    """Seconds, from ``start``; equal power, so that two overlapping pieces cross-fade."""
    fade_out: float = 0.0
    """Seconds, up to ``end``."""


@dataclass(frozen=True)
class SoundPlan:
    """The sound of a result."""

    pieces: tuple[Piece, ...]
    """In order; neighbours overlap by their fades."""
    reference_stream: int
    dance_stream: int
    room_gain: float
    """Linear gain of the original sound under the music; 0 is none."""
    action: Action
    reason: str
    bit_rate: int = FULL_SOUND_BPS
    """Of the encoded sound (bit/s)."""


@dataclass(frozen=True)
class RenderPlan:
    """One result. ``segments``, ``bounds``, ``loudness`` and ``options`` are what it was made
    from, kept so that ``pipeline.plan.make.revise`` can make it anew with other options."""

    variant: VariantName
    picture: Picture
    sound: SoundPlan
    options: RenderOptions
    segments: tuple[Segment, ...]
    bounds: Bounds
    loudness: Loudness | None
    dance: MediaInfo
    reference: MediaInfo
    dance_peak: float
    """Largest sample of the dance's sound, full scale 1."""
    notes: tuple[str, ...] = field(default=())
    """What the task has to say to people, in codes of ``pipeline.job.warnings``."""

    @property
    def duration(self) -> float:
        """Of the result (seconds)."""
        return self.picture.duration

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        record = asdict(self)
        record["picture"]["time_base"] = str(self.picture.time_base)
        record["dance"] = self.dance.to_json()
        record["reference"] = self.reference.to_json()
        record["sound"]["pieces"] = [asdict(piece) for piece in self.sound.pieces]
        record["segments"] = [asdict(segment) for segment in self.segments]
        record["notes"] = list(self.notes)
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """The inverse of ``to_json``."""
        picture = {**record["picture"], "time_base": Fraction(record["picture"]["time_base"])}
        sound = {
            **record["sound"],
            "pieces": tuple(Piece(**piece) for piece in record["sound"]["pieces"]),
        }
        loudness = record["loudness"]
        return cls(
            variant=record["variant"],
            picture=Picture(**picture),
            sound=SoundPlan(**sound),
            options=RenderOptions.from_json(record["options"]),
            segments=tuple(Segment(**segment) for segment in record["segments"]),
            bounds=Bounds(**record["bounds"]),
            loudness=None if loudness is None else Loudness(**loudness),
            dance=MediaInfo.from_json(record["dance"]),
            reference=MediaInfo.from_json(record["reference"]),
            dance_peak=record["dance_peak"],
            notes=tuple(record["notes"]),
        )
