"""Which frames, times and gains a plan chooses; no file is touched."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import reasons
from pipeline.media.frame_times import FrameTimes, Stamps, build
from pipeline.media.info import NO_TRACK, AudioInfo, Bounds, Loudness, MediaInfo, VideoInfo
from pipeline.model import Segment, VariantName
from pipeline.plan.make import make_plan, revise
from pipeline.plan.measurements import Measurements
from pipeline.plan.options import RenderOptions
from pipeline.plan.pieces import Music, pieces
from pipeline.plan.render_plan import RenderPlan
from pipeline.reasons import RenderError

UNIT = Fraction(1, 15360)
FRAME = 512
"""A thirtieth of a second, in stamp units."""
GOP = 60
SOUND = AudioInfo(1, "aac", "LC", 48000, 2, 0.0, 20.0)


def dance(codec: str = "h264", seconds: float = 20.0, **changes: object) -> MediaInfo:
    video = VideoInfo(
        index=0, codec=codec, width=1920, height=1080, rotation=90, frame_rate=Fraction(30),
        average_rate=Fraction(30), time_base=UNIT, start_time=0.0, duration=seconds,
        pixel_format="yuv420p", bit_depth=8, color_primaries=1, color_transfer=1, color_matrix=1,
        color_range=1, has_b_frames=True,
    )  # fmt: skip
    video = replace(video, **changes)  # type: ignore[arg-type]
    return MediaInfo("dance", "mov,mp4", 10**7, 0.0, seconds, video, (SOUND,), ())


REFERENCE = MediaInfo(
    "reference", "mov,mp4", 10**6, 0.0, 60.0, None, (replace(SOUND, index=0),), ()
)


def frames(count: int = 600, b_frames: int = 0, origin: int = 0) -> FrameTimes:
    """Groups of 60, each P picture stored before the ``b_frames`` shown before it."""
    order: list[int] = []
    for group in range(0, count, GOP):
        order.append(group)
        shown = group + 1
        last = min(group + GOP, count)
        while shown < last:
            jump = min(b_frames, last - 1 - shown)
            order.append(shown + jump)
            order.extend(range(shown, shown + jump))
            shown += jump + 1
    stamps = Stamps()
    for n in order:
        stamps.add(origin + n * FRAME, n % GOP == 0, False, FRAME)
    return build(stamps, dance())


def measurements(times: FrameTimes | None = None, **changes: object) -> Measurements:
    base = Measurements(
        frames=times if times is not None else frames(),
        bounds=Bounds(60.0, 0.0, 60.0),
        loudness=Loudness(-9.0, -0.2),
        dance_stream=1,
        reference_stream=0,
        dance_peak=0.8,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def plan(
    *segments: Segment,
    variant: VariantName = "modular",
    options: RenderOptions | None = None,
    have: Measurements | None = None,
    info: MediaInfo | None = None,
) -> RenderPlan:
    made = make_plan(
        segments,
        info or dance(),
        REFERENCE,
        variant=variant,
        options=options or RenderOptions(),
        measurements=have or measurements(),
    )
    assert RenderPlan.from_json(json.loads(json.dumps(made.to_json()))) == made
    return made


def begins(made: RenderPlan) -> float:
    return float(made.picture.start * made.picture.time_base)


def ends(made: RenderPlan) -> float:
    return float(made.picture.end * made.picture.time_base)


def test_v2_keeps_all_that_the_reference_covers_and_modular_what_both_have() -> None:
    segment = Segment(5.5, 12.0, -1.5)
    v2 = plan(segment, variant="v2")
    assert begins(v2) == pytest.approx(1.5)
    assert ends(v2) == pytest.approx(20.0)
    modular = plan(segment)
    assert begins(modular) == pytest.approx(5.5)
    assert ends(modular) == pytest.approx(12.0)


def test_modular_leaves_the_references_silence_out() -> None:
    have = measurements(bounds=Bounds(60.0, 3.2, 9.0))
    made = plan(Segment(0.0, 20.0, 0.0), have=have)
    assert begins(made) == pytest.approx(3.2)
    assert ends(made) == pytest.approx(9.0)


def test_the_start_is_a_frames_own_stamp_and_the_sound_is_placed_by_it() -> None:
    made = plan(Segment(3.117, 12.0, 7.0))
    assert begins(made) == pytest.approx(94 / 30)  # the first frame not before 3.117
    assert made.picture.key == GOP * FRAME
    assert made.sound.pieces[0].source_start == pytest.approx(94 / 30 + 7.0)


@pytest.mark.parametrize("start", [4.4, 5.0])
def test_a_key_frame_shortly_before_is_started_from(start: float) -> None:
    made = plan(Segment(start, 12.0, 7.0))
    assert made.picture.start == made.picture.key == 2 * GOP * FRAME
    (piece,) = made.sound.pieces
    assert piece.source_start == pytest.approx(11.0)  # the reference reaches back there


@pytest.mark.parametrize("lead", [0.4, 1.0])
@pytest.mark.parametrize("variant", ["modular", "v2"])
def test_where_the_reference_has_not_begun_the_original_sound_leads_in(
    variant: VariantName, lead: float
) -> None:
    made = plan(Segment(4.0 + lead, 12.0, -4.0 - lead), variant=variant)
    assert begins(made) == pytest.approx(4.0)
    assert made.picture.start == made.picture.key
    first, second = made.sound.pieces
    assert (first.source, second.source) == ("dance", "reference")
    assert second.start == pytest.approx(lead)
    assert second.source_start == 0.0
    # The reference's first sample is heard as it is, when the original sound has faded out.
    assert first.end == pytest.approx(second.start)
    assert first.fade_out == pytest.approx(0.05)
    assert second.fade_in == 0.0


@pytest.mark.parametrize("variant", ["modular", "v2"])
def test_no_silence_leads_in_where_the_dance_is_mute(variant: VariantName) -> None:
    mute = measurements(dance_stream=NO_TRACK)
    made = plan(Segment(4.4, 12.0, -4.4), variant=variant, have=mute)
    assert begins(made) == pytest.approx(4.4)
    assert made.picture.key == 2 * GOP * FRAME
    assert made.sound.pieces[0].start < 0.01
    # Music that reaches back that far is no silence.
    assert begins(plan(Segment(4.4, 12.0, 7.0), have=mute)) == pytest.approx(4.0)
    # It does not where the take is known to begin.
    taken = Segment(4.4, 12.0, 7.0, begins=True)
    assert begins(plan(taken, have=mute)) == pytest.approx(4.4)
    assert begins(plan(taken)) == pytest.approx(4.0)


def test_music_is_whole_from_its_first_stroke() -> None:
    """Silence leads in the reference; its music begins within the kept picture."""
    have = measurements(bounds=Bounds(60.0, 0.5, 60.0))
    made = plan(
        Segment(0.0, 12.0, -3.0), have=have, options=RenderOptions(keep_all=True), variant="modular"
    )
    first, second = made.sound.pieces[:2]
    assert (first.source, second.source) == ("dance", "reference")
    onset = 3.5 - begins(made)
    assert second.start + second.fade_in == pytest.approx(onset)
    assert first.end == pytest.approx(onset)


@pytest.mark.parametrize("lead", [0.011, 0.02, 0.049, 0.051, 0.3])
def test_music_that_begins_shortly_after_the_picture_is_not_late(lead: float) -> None:
    """A cross-fade longer than what leads in would begin before the picture."""
    segment = Segment(2.0 + lead, 9.0, 5.0)
    first, second = pieces([Music(2.0 + lead, 9.0, segment)], 2.0, 9.0, 0.0)
    assert (first.source, first.start, second.source) == ("dance", 0.0, "reference")
    assert second.start >= 0 and second.source_start == pytest.approx(2.0 + second.start + 5.0)
    assert second.start + second.fade_in == pytest.approx(lead)
    assert first.fade_out <= first.end - first.start + 1e-9


def test_a_map_a_hair_late_is_no_lead_in() -> None:
    """The song begins with the picture, but for 20 microseconds."""
    made = plan(Segment(0.0, 12.0, -20e-6))
    (piece,) = made.sound.pieces
    assert piece.source == "reference"
    assert piece.fade_in == 0.0
    assert piece.start == pytest.approx(20e-6)


@pytest.mark.parametrize("b_frames", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("end", [5.0, 7.77, 11.31, 19.999])
def test_the_end_is_a_closed_point(b_frames: int, end: float) -> None:
    times = frames(b_frames=b_frames)
    made = plan(Segment(2.0, end, 7.0), have=measurements(times))
    begin = int(np.flatnonzero((times.pts == made.picture.key) & times.key)[0])
    kept = times.pts[begin : begin + made.picture.packets]
    assert sorted(kept.tolist()) == list(range(int(kept.min()), int(kept.max()) + 1, FRAME))
    assert made.picture.end == int(kept.max()) + FRAME
    assert ends(made) <= end + 1e-6
    assert end - ends(made) < (b_frames + 2) / 30
    assert made.picture.frames == (made.picture.end - made.picture.start) // FRAME


@settings(max_examples=150, deadline=None)
@given(
    start=st.floats(0, 12), length=st.floats(1, 8), offset=st.floats(-15, 55),
    speed=st.sampled_from([1.0, 0.95, 1.04, 1.00002]), b_frames=st.integers(0, 4),
    origin=st.integers(0, 100_000), variant=st.sampled_from(["v2", "modular"]),
    keep=st.booleans(), nudge=st.floats(-500, 500), hole=st.floats(0.3, 3),
)  # fmt: skip
def test_every_plan_holds_together(
    start: float, length: float, offset: float, speed: float, b_frames: int, origin: int,
    variant: VariantName, keep: bool, nudge: float, hole: float,
) -> None:  # fmt: skip
    """Whatever the answer: the sound covers the picture without a hole, never reads outside
    the reference, and is within a tenth of a millisecond of the map (1 ms when rounded to 1)."""
    times = frames(b_frames=b_frames, origin=origin)
    info = replace(dance(), start_time=float(origin * UNIT))
    times = replace(times, origin=Fraction(info.start_time).limit_denominator(1_000_000))
    segments = [
        Segment(start, start + length / 2, offset, speed, pitch_moved=True),
        Segment(
            start + length / 2 + hole, start + length + hole, offset - 1, speed, pitch_moved=True
        ),
    ]
    options = RenderOptions(keep_all=keep, nudge_ms=nudge)
    try:
        made = plan(
            *segments, variant=variant, options=options, have=measurements(times), info=info
        )
    except RenderError as error:
        assert error.reason == reasons.NO_SHARED_MUSIC
        return
    pieces = made.sound.pieces
    assert 0 <= pieces[0].start < 5e-3
    assert pieces[-1].end == pytest.approx(made.duration, abs=0.051)
    for before, after in pairwise(pieces):
        assert after.start <= before.end + 1e-9
    begin = times.seconds(made.picture.start)
    for piece in pieces:
        if piece.source == "dance":
            assert piece.source_start == pytest.approx(begin + piece.start)
            continue
        assert piece.source_start >= 0
        assert piece.source_start + piece.speed * (piece.end - piece.start) <= 60.03
        errors = []
        for segment in segments:
            middle = (piece.start + piece.end) / 2
            moved = segment.offset - segment.speed * nudge / 1000
            wanted = segment.speed * (begin + middle) + moved
            found = piece.source_start + piece.speed * (middle - piece.start)
            errors.append(abs(found - wanted))
        assert min(errors) < 1e-4


def test_pictures_that_mp4_does_not_carry_are_encoded_and_it_is_said() -> None:
    made = plan(Segment(0, 20, 0), info=dance("vp8"))
    assert made.picture.action == "encode"
    assert "vp8" in made.picture.reason
    assert "picture_encoded" in made.notes


def test_portable_copies_only_h264_from_a_key_frame() -> None:
    options = RenderOptions(portable=True)
    assert plan(Segment(0, 20, 0), options=options).picture.action == "copy"
    assert plan(Segment(3, 20, 0), options=options).picture.action == "copy"
    assert plan(Segment(3.5, 20, 0), options=options).picture.action == "encode"
    assert plan(Segment(0, 20, 0), options=options, info=dance("hevc")).picture.action == "encode"
    ten = dance(bit_depth=10)
    assert plan(Segment(0, 20, 0), options=options, info=ten).picture.action == "encode"


def test_loudness_is_bounded_by_level_and_by_peak() -> None:
    def gain(integrated: float, peak: float, **options: object) -> float:
        have = measurements(loudness=Loudness(integrated, peak))
        made = plan(Segment(0, 20, 0), have=have, options=RenderOptions(**options))  # type: ignore[arg-type]
        return made.sound.pieces[0].gain_db

    assert gain(-9.0, -0.2) == pytest.approx(-5.0)
    assert gain(-23.0, -3.0) == pytest.approx(2.0)
    assert gain(-9.0, -0.2, loudness=False) == 0.0
    # A damaged packet cracks louder than any music.
    assert gain(-23.0, 11.6) == gain(-23.0, 3.0) == pytest.approx(-4.0)
    # Room for half of an original sound that peaks at 0.8, under a ceiling of -1 dB.
    left = 10 ** (gain(-23.0, -3.0, room_sound=0.5) / 20) * 10 ** (-3 / 20) + 0.5 * 0.8
    assert left == pytest.approx(10 ** (-1 / 20))


def test_stretching_is_chosen_by_what_happened_to_the_pitch() -> None:
    def stretch(speed: float, moved: bool) -> str:
        return plan(Segment(0, 20, 5, speed, pitch_moved=moved)).sound.pieces[0].stretch

    assert stretch(1.0, False) == "none"
    assert stretch(1.00005, False) == "none"  # 1 ms over 20 s
    assert stretch(1.0005, False) == "resample"  # a drifting clock
    assert stretch(1.04, True) == "resample"
    assert stretch(1.04, False) == "pitch_kept"


def test_a_revision_needs_only_the_plan_and_the_frames() -> None:
    made = plan(Segment(2.0, 12.0, 7.0))
    again = revise(made, RenderOptions(nudge_ms=120, room_sound=0.3), frames=frames())
    assert again.picture == made.picture
    assert again.sound.room_gain == 0.3
    moved = again.sound.pieces[0].source_start - made.sound.pieces[0].source_start
    assert moved == pytest.approx(-0.12)
    assert revise(again, made.options, frames=frames()) == made


@pytest.mark.parametrize("value", [-501.0, 501.0])
def test_options_are_checked(value: float) -> None:
    with pytest.raises(ValueError, match="between -500 and 500"):
        RenderOptions(nudge_ms=value)
    with pytest.raises(ValueError, match=r"between 0 and 0\.5"):
        RenderOptions(room_sound=value)


def test_no_overlap_is_no_result() -> None:
    with pytest.raises(RenderError) as caught:
        plan(Segment(0, 20, 100.0))
    assert caught.value.reason == reasons.NO_SHARED_MUSIC
