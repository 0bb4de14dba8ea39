"""What a person may choose for a result."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self

Action = Literal["copy", "encode"]


@dataclass(frozen=True)
class RenderOptions:
    """What a person may choose for a result."""

    keep_all: bool = False
    """Keep the whole dance; where there is no reference the original sound stays."""
    loudness: bool = True
    """Bring the reference to -14 LUFS by one static gain."""
    room_sound: float = 0.0
    """How much of the original sound stays under the music, 0 to 0.5."""
    nudge_ms: float = 0.0
    """How much later the music is played, -500 to 500 milliseconds."""
    portable: bool = False
    """H.264 8 bit without an edit list, for every player; may re-encode the picture."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.room_sound <= 0.5:
            raise ValueError(f"room_sound is {self.room_sound}; it must be between 0 and 0.5")
        if not -500.0 <= self.nudge_ms <= 500.0:
            raise ValueError(f"nudge_ms is {self.nudge_ms}; it must be between -500 and 500")

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """The inverse of ``to_json``; keys it does not know are left out."""
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in record.items() if key in known})
