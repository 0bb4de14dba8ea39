"""What a person may choose for a result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from pipeline.plan.size_limit import MAX_MEGABYTES

MAX_ROOM_SOUND = 0.5
"""The largest share of the original sound under the music."""
MAX_NUDGE_MS = 500.0
"""Either way."""

Action = Literal["copy", "encode"]


@dataclass(frozen=True)
class RenderOptions:
    """What a person may choose for a result."""

    keep_all: bool = False
    """Keep the whole dance; where there is no reference the original sound stays."""
    loudness: bool = True
    """Bring the reference to -14 LUFS by one static gain."""
    room_sound: float = 0.0
    """How much of the original sound stays under the music, 0 to ``MAX_ROOM_SOUND``."""
    nudge_ms: float = 0.0
    """How much later the music is played, at most ``MAX_NUDGE_MS`` either way (milliseconds)."""
    portable: bool = False
    """H.264 8 bit without an edit list, for every player; may re-encode the picture."""
    at_most_mb: float = 0.0
    """The largest file (megabytes of 10^6 bytes); 0 is no limit. May re-encode the picture."""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("room_sound", 0, MAX_ROOM_SOUND),
            ("nudge_ms", -MAX_NUDGE_MS, MAX_NUDGE_MS),
            ("at_most_mb", 0, MAX_MEGABYTES),
        ):
            if not least <= (value := getattr(self, name)) <= most:
                raise ValueError(f"{name} is {value}; it must be between {least:g} and {most:g}")

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """The inverse of ``to_json``; keys it does not know are left out.

        Raises TypeError or ValueError for what is no value of an option.
        """
        usual = asdict(cls())
        known = {name: record[name] for name in usual if name in record}
        return cls(**{name: type(usual[name])(value) for name, value in known.items()})
