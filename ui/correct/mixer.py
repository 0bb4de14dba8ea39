"""What the player under "adjust" mixes: the dance's own sound and the song, piece by piece.

The song comes from the result's file, whose timing is that of the saved result. Where that file has
room sound in it already, or was made at another place, the reference
itself is played by the plan instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pipeline.plan.estimate import Estimate, estimate, kept_span
from pipeline.plan.options import RenderOptions
from pipeline.plan.render_plan import Piece, RenderPlan
from pipeline.render.mix import DUCK_DEPTH_DB, DUCK_SLOPE, DUCK_THRESHOLD_DB

Song = Literal["result", "reference"]
DUCKING = {"threshold": DUCK_THRESHOLD_DB, "slope": DUCK_SLOPE, "depth": DUCK_DEPTH_DB}


@dataclass(frozen=True)
class Preview:
    """What a result would sound like with other options."""

    song: Song
    """Which file the song is played from."""
    made: float
    """Nudge that is in that file already (milliseconds)."""
    estimate: Estimate
    cut_moves: bool
    """Whether the video will be cut elsewhere than it is: only its frames say exactly where."""
    pieces: tuple[dict[str, Any], ...]
    """In order: ``song`` (or the dance's own sound), ``start``, ``end`` (dance time, seconds),
    and for the song ``at`` (the file's time at ``start`` before nudging), ``rate``,
    ``keep_pitch`` and ``gain`` (linear)."""

    @property
    def leaves_out(self) -> tuple[str, ...]:
        """In which respects the saved result will differ: keys of the catalogue."""
        left = []
        if self.cut_moves:
            left.append("leaves_cut")
        music = [piece for piece in self.pieces if piece["song"]]
        if self.song == "reference" and any(piece["rate"] != 1.0 for piece in music):
            left.append("leaves_speed")
        if self.song == "reference" and len(music) > 1:
            left.append("leaves_jump")
        return tuple(left)


def make_preview(plan: RenderPlan, options: RenderOptions) -> Preview | None:
    """The preview of a plan with other options; None where no music would be left."""
    estimated = estimate(plan, options)
    if estimated is None:
        return None
    song: Song = "reference" if plan.sound.room_gain > 0 else "result"
    baked = max((p.gain_db for p in plan.sound.pieces if p.source == "reference"), default=0.0)
    begin, _ = kept_span(plan)
    later = options.nudge_ms / 1000

    def piece_of(piece: Piece) -> dict[str, Any]:
        of_song = piece.source == "reference"
        found: dict[str, Any] = {"song": of_song, "start": piece.start, "end": piece.end}
        if not of_song:
            return found
        if song == "result":
            at, rate, gain = piece.start - begin, 1.0, piece.gain_db - baked
        else:
            at, rate, gain = piece.source_start + piece.speed * later, piece.speed, piece.gain_db
        return {
            **found,
            "at": at,
            "rate": rate,
            "keep_pitch": piece.stretch != "resample",
            "gain": 10 ** (gain / 20),
        }

    return Preview(
        song=song,
        made=plan.options.nudge_ms if song == "result" else 0.0,
        estimate=estimated,
        cut_moves=not estimated.exact and not options.keep_all,
        pieces=tuple(piece_of(piece) for piece in estimated.pieces),
    )
