"""The result's sound as AAC in a file of its own, encoded once and shared where it can be.

Music alone at its own speed is a function of the reference's time, whatever the dance: both
results then take packets of one encoding, each placed to the sample by its own answer. Mixes
belong to one result; they are shared only when their recipes are the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from av.container import InputContainer

from pipeline.limits import Limits
from pipeline.media import ffmpeg
from pipeline.media.opening import opened
from pipeline.model import Progress
from pipeline.plan.pieces import is_reference_only
from pipeline.plan.render_plan import Piece, RenderPlan
from pipeline.plan.size_limit import FULL_SOUND_BPS
from pipeline.render.growing import opened_growing, part_of
from pipeline.render.mix import (
    BLOCK_SAMPLES,
    CHANNELS,
    RATE_HZ,
    Block,
    Place,
    Sources,
    blocks,
    decode_arguments,
)
from pipeline.scratch import check_free

MID_SIDE_BELOW_BPS = 256_000
"""Below this rate the encoder looks for mid/side stereo."""


def encoder(bit_rate: int = FULL_SOUND_BPS) -> tuple[str, ...]:
    """ffmpeg's options for its own AAC encoder, at a bit rate (bit/s).

    Its thorough search leaves bursts of coarse noise in some moments and takes longer; the fast
    one's fault, noise above 7 kHz, comes from intensity stereo. Its search for mid/side stereo
    takes half of its time, and what it saves is 64 kb/s of sound beside the picture's megabits;
    where a file's size is limited it is worth 3 to 4 dB. ``python -m benchmarks.render.encoder``
    measures them all.
    """
    return (
        *("-c:a", "aac", "-aac_coder", "fast", "-aac_is", "0"),
        *(() if bit_rate < MID_SIDE_BELOW_BPS else ("-aac_ms", "0")),
        *("-b:a", str(bit_rate)),
    )


ENCODER = encoder()
MARGIN_SECONDS = 0.25
"""How much of the reference is encoded beyond a result's ends, for the other one."""
MAX_MISSING_SECONDS = 1e-3
"""An encoding that ends this much too early still covers a result."""


IN_FRAGMENTS = ("-movflags", ffmpeg.FRAGMENTS, "-frag_duration", "1000000")
"""An MP4 that can be read before it is whole: by the second."""
_beginning = threading.Lock()
"""Held while it is seen whether an encoding has been begun, and one is begun."""
_being_written: set[Path] = set()
"""The encodings that threads of this process are making."""


@dataclass(frozen=True)
class SoundFile:
    """Where the result's AAC packets are, or where another thread is just writing them."""

    path: Path
    stream: int
    zero: float
    """Seconds on the stream's own clock that are result time 0."""
    shared: bool
    """Whether it was already there, or begun."""
    own: bool = True
    """Whether it is an encoding of ours."""

    def opened(self, settings: Limits) -> AbstractContextManager[InputContainer]:
        """For reading the packets, which waits for those that are not there yet."""
        if self.own:
            return opened_growing(self.path)
        return opened(self.path, role="reference", settings=settings)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that an encoding depends on; kept beside it as JSON."""

    reference: str
    stream: int
    pieces: tuple[Piece, ...]
    room_gain: float
    duration: float
    bit_rate: int
    begin: tuple[str, int, str, int] | None = None
    """Where in which dance a mix begins; None for music alone at its own speed, which is a cut from
    any longer encoding of it."""

    def to_json(self) -> str:
        """As a text that is the same for the same recipe."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of ``to_json``."""
        given = json.loads(text)
        given["pieces"] = tuple(Piece(**piece) for piece in given["pieces"])
        given["begin"] = given["begin"] and tuple(given["begin"])
        return cls(**given)


def sound_file(
    plan: RenderPlan,
    dance: Path,
    reference: Path,
    scratch: Path,
    *,
    settings: Limits,
    progress: Progress | None = None,
) -> SoundFile:
    """The plan's sound: the reference's own packets, a shared encoding, or a new one.

    Raises ``FfmpegError``, ``InputError`` (``disk_full``).
    """
    if plan.sound.action == "copy":
        piece = plan.sound.pieces[0]
        zero = plan.reference.start_time + piece.source_start
        return SoundFile(reference, plan.sound.reference_stream, zero, shared=False, own=False)
    recipe = _recipe(plan, dance, reference)
    wide, zero = _widened(plan)
    key = hashlib.sha256(recipe.to_json().encode()).hexdigest()[:16]
    target = scratch / f"sound-{key}.m4a"
    part, note = part_of(target), target.with_suffix(".json")
    total = max(1, round(wide.duration * RATE_HZ))
    rate = plan.sound.bit_rate
    with ExitStack() as stack:
        with _beginning:
            there = _begun(recipe, scratch)
            if there is not None:
                return there
            check_free(scratch, round(wide.duration * rate / 8))
            stack.enter_context(_being_made(target, part, note))
            part.touch()
            note.write_text(_recipe(wide, dance, reference).to_json())
        sources = Sources(wide, dance, reference, settings)
        plain = _plain(wide)
        if plain is None:
            encode(blocks(sources), part, total, progress, bit_rate=rate)
        else:
            place = sources.of(plain)
            _encode_piece(plain, place, settings, part, total, progress, bit_rate=rate)
    return SoundFile(target, 0, zero, shared=False)


def _begun(recipe: Recipe, scratch: Path) -> SoundFile | None:
    """The encoding in ``scratch`` that the recipe's sound is in, whole or on its way."""
    for note in sorted(scratch.glob("sound-*.json")):
        path = note.with_suffix(".m4a")
        found = _covered(recipe, Recipe.from_json(note.read_text()))
        if found is not None and (path in _being_written or path.is_file()):
            return SoundFile(path, 0, found, shared=True)
    return None


@contextmanager
def _being_made(target: Path, part: Path, note: Path) -> Iterator[None]:
    """Names the whole file, and deletes what there is on failure, which may itself have filled the
    disk."""
    _being_written.add(target)
    try:
        yield
        part.rename(target)
    except BaseException:
        note.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
        raise
    finally:
        _being_written.discard(target)


def encode(
    samples: Iterator[Block],
    target: Path,
    total: int,
    progress: Progress | None = None,
    *,
    bit_rate: int = FULL_SOUND_BPS,
) -> None:
    """Writes ``samples`` (48 kHz stereo) as AAC-LC into ``target`` (MP4). ``total`` is how many
    there are, for the progress. Raises ``FfmpegError``."""
    arguments = [
        *("-f", "f32le", "-ar", str(RATE_HZ), "-ac", str(CHANNELS), "-i", "pipe:0"),
        *(*encoder(bit_rate), *IN_FRAGMENTS, "-f", "mp4", "-y", ffmpeg.file_url(target)),
    ]
    with ffmpeg.process(arguments, write=True) as pipe:
        for number, block in enumerate(samples):
            pipe.write(block.astype("<f4").tobytes())
            if progress is not None:
                progress(min(1.0, (number + 1) * BLOCK_SAMPLES / total))


def _encode_piece(
    piece: Piece,
    place: Place,
    settings: Limits,
    target: Path,
    total: int,
    progress: Progress | None,
    *,
    bit_rate: int,
) -> None:
    """Music alone needs no mixing here: one ffmpeg decodes, sets the gain and encodes.

    Its packets come through our pipe (so that it ends with us), as MP4 in fragments, which
    keeps the stamps exact to the sample.
    """
    arguments = [
        *decode_arguments(
            piece, place, settings, f"atrim=end_sample={total}", *_gain_filter(piece)
        ),
        *("-ar", str(RATE_HZ), *encoder(bit_rate)),
        *(*IN_FRAGMENTS, "-f", "mp4", "pipe:1"),
    ]
    expected = max(1.0, total / RATE_HZ * bit_rate / 8)
    size = 0
    with ffmpeg.process(arguments) as pipe, target.open("wb") as out:
        while data := os.read(pipe.fileno(), 1 << 16):
            out.write(data)
            size += len(data)
            if progress is not None:
                progress(min(1.0, size / expected))


def _gain_filter(piece: Piece) -> list[str]:
    return ["asetpts=N", f"volume={10 ** (piece.gain_db / 20):.9f}:precision=float"]


def _plain(plan: RenderPlan) -> Piece | None:
    """The only piece of a plan that is music alone, at its own speed; None otherwise, and for a
    portable result, whose encoding has to begin on its own first packet."""
    pieces = plan.sound.pieces
    if plan.sound.room_gain > 0 or plan.options.portable:
        return None
    if not is_reference_only(pieces, plan.duration):
        return None
    if any(s.edits for s in plan.reference.sounds if s.index == plan.sound.reference_stream):
        return None  # put together from several stretches
    return pieces[0] if pieces[0].stretch == "none" else None


def _recipe(plan: RenderPlan, dance: Path, reference: Path) -> Recipe:
    picture, sound = plan.picture, plan.sound
    begin = (str(dance.absolute()), picture.start, str(picture.time_base), sound.dance_stream)
    return Recipe(
        reference=str(reference.absolute()),
        stream=sound.reference_stream,
        pieces=sound.pieces,
        room_gain=sound.room_gain,
        duration=plan.duration,
        bit_rate=sound.bit_rate,
        begin=begin if _plain(plan) is None else None,
    )


def _covered(wanted: Recipe, there: Recipe) -> float | None:
    """Where in an encoding made by the recipe ``there`` the ``wanted`` one begins (seconds)."""
    if wanted == there:
        return 0.0
    mine, other = wanted.pieces[0], there.pieces[0]
    if (
        wanted.begin is not None
        or there.begin is not None
        or (wanted.reference, wanted.stream) != (there.reference, there.stream)
        or wanted.bit_rate != there.bit_rate
        or (mine.gain_db, mine.start, other.start) != (other.gain_db, 0, 0)
    ):
        return None
    begin = mine.source_start - other.source_start
    rest = other.end - begin - mine.end
    return begin if begin >= 0 and rest >= -MAX_MISSING_SECONDS else None


def _widened(plan: RenderPlan) -> tuple[RenderPlan, float]:
    """The plan with a margin of reference at both ends where it can be shared, and where the
    result begins in it (seconds)."""
    piece = _plain(plan)
    if piece is None or piece.start != 0:
        return plan, 0.0
    before = min(MARGIN_SECONDS, piece.source_start)
    after = min(MARGIN_SECONDS, max(0.0, plan.bounds.end - piece.source_start - piece.end))
    end = piece.end + before + after
    wide = replace(piece, source_start=piece.source_start - before, end=end)
    extra = round((before + after) / float(plan.picture.time_base))
    picture = replace(plan.picture, end=plan.picture.end + extra)
    sound = replace(plan.sound, pieces=(wide,))
    return replace(plan, picture=picture, sound=sound), before
