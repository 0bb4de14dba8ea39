"""What is known about a media file before anything is decoded: frozen dataclasses.

Times are seconds. *Dance time* and *reference time* are counted from the container's start
(``MediaInfo.start_time``), so that 0 is the first moment of the file whatever its stamps say.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

NO_TRACK = -1
"""In place of a track's index: the dance has no sound that serves; silence stands for it."""


Role = Literal["dance", "reference"]


@dataclass(frozen=True)
class Edit:
    """A stretch of a track's media that is shown (seconds)."""

    shown: float
    """When it begins, from the container's time 0 on."""
    media: float
    """Where it begins in the media, by the media's own stamps."""
    length: float


@dataclass(frozen=True)
class VideoInfo:
    """The picture."""

    index: int
    """The stream's index in the container."""
    codec: str
    """ffmpeg's name of the codec, such as ``h264``."""
    width: int
    """Coded pixels, before rotation."""
    height: int
    rotation: int
    """Degrees counter-clockwise by which players turn the picture."""
    frame_rate: Fraction
    """Nominal frames a second (hertz)."""
    average_rate: Fraction
    """Frames divided by duration (hertz)."""
    time_base: Fraction
    """The unit of the stream's time stamps (seconds)."""
    start_time: float
    """Of the first frame, counted from the container's start (seconds)."""
    duration: float
    """Seconds."""
    pixel_format: str
    bit_depth: int
    color_primaries: int
    """ISO/IEC 23091-2 code points, 2 is unknown: primaries, transfer, matrix."""
    color_transfer: int
    color_matrix: int
    color_range: int
    """0 unknown, 1 limited, 2 full."""
    has_b_frames: bool
    """Whether frames are stored in another order than they are shown."""
    field_pictures: bool = False
    """Whether the two fields of an interlaced frame are pictures, and packets, of their own."""
    edits: tuple[Edit, ...] = ()
    """To be applied to the media's own stamps; none where the container's stamps serve."""
    sample_aspect_ratio: Fraction | None = None
    """Width of a pixel by its height, 0 where the film does not say; None in a description that an
    earlier version made."""


@dataclass(frozen=True)
class AudioInfo:
    """One sound track."""

    index: int
    codec: str
    profile: str
    rate: int
    """Hertz."""
    channels: int
    start_time: float
    """Counted from the container's start (seconds)."""
    duration: float
    """Seconds; that of the container when the stream has none of its own."""
    edits: tuple[Edit, ...] = ()
    """As of a picture."""
    title: str = ""
    """What the file calls the track."""
    language: str = ""
    """ISO 639, as the file says it."""
    default: bool = False
    """Whether the file marks it as the one to be played."""


@dataclass(frozen=True)
class MediaInfo:
    """One file."""

    role: Role
    container: str
    """ffmpeg's name of the demuxer."""
    size: int
    """Bytes."""
    start_time: float
    """The container's first time stamp (seconds); dance time 0 or reference time 0."""
    duration: float
    """Seconds."""
    video: VideoInfo | None
    sounds: tuple[AudioInfo, ...]
    """The tracks that can be decoded, in the file's order."""
    other: tuple[str, ...]
    """The types of all other streams (data, subtitles, cover art, unknown sound)."""
    cut_off: bool = False
    """Whether the file's own header promises more than the file holds."""
    created: str = ""
    """When it was filmed, by its own metadata: ISO 8601 in UTC, empty where it does not say."""
    place: str = ""
    """Where, as in ISO 6709; read only with the setting ``keep_place``."""

    @property
    def is_mp4(self) -> bool:
        """Whether each packet's stamps and what each track is stand in the file's index."""
        return "mp4" in self.container

    @property
    def played(self) -> AudioInfo | None:
        """The track that a player takes by itself: the first one that the file marks, else the
        first one."""
        return next(
            (sound for sound in self.sounds if sound.default), next(iter(self.sounds), None)
        )

    def track_number(self, stream: int) -> int | None:
        """Which sound track a stream of this index is, counted from 1; None for none of them."""
        return next((n for n, sound in enumerate(self.sounds, 1) if sound.index == stream), None)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; fractions become strings such as ``"30000/1001"``."""
        record = asdict(self)
        if self.video is not None:
            for name in _FRACTIONS:
                value = record["video"][name]
                record["video"][name] = None if value is None else str(value)
        record["sounds"] = [asdict(sound) for sound in self.sounds]
        record["other"] = list(self.other)
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> MediaInfo:
        """The inverse of ``to_json``."""
        video = None
        if record["video"] is not None:
            fields = dict(record["video"])
            for name in _FRACTIONS:
                fields[name] = None if fields.get(name) is None else Fraction(fields[name])
            video = VideoInfo(**_with_edits(fields))
        return cls(
            **{
                **record,
                "video": video,
                "sounds": tuple(AudioInfo(**_with_edits(sound)) for sound in record["sounds"]),
                "other": tuple(record["other"]),
            }
        )


_FRACTIONS = ("frame_rate", "average_rate", "time_base", "sample_aspect_ratio")


def _with_edits(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "edits": tuple(Edit(**edit) for edit in fields.get("edits", ()))}


@dataclass(frozen=True)
class Loudness:
    """What EBU R 128 measures of a whole track."""

    integrated: float
    """LUFS."""
    true_peak: float
    """Decibels of full scale (dBTP)."""


@dataclass(frozen=True)
class Bounds:
    """Where a reference begins and ends, on its own time line (seconds)."""

    end: float
    """Of the sound; it begins at 0."""
    music_start: float
    """Where the leading silence ends."""
    music_end: float
    """Where the trailing silence begins."""
