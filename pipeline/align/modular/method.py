"""The modular method: several feature estimators, fused; careful.

Whitened mel flux finds the lines, the tonal match and the clear-winner rule judge them,
deconvolution places them to a fraction of a millisecond where waveforms still match.
Speed is searched only when the same speed explains nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import numpy as np

from pipeline.align.modular import notes, placing, tempo
from pipeline.align.modular.coverage import WHOLE_SHARE, confidence_cap, missing_share
from pipeline.align.modular.features import FRAMES_PER_SECOND, extract
from pipeline.align.modular.fit import chance, fit_stretch
from pipeline.align.modular.limits import limited
from pipeline.align.modular.search import search
from pipeline.align.modular.takes import evidence_where, find_takes, track, tracks_of
from pipeline.align.modular.verdict import SAME_NOTES_RHO, Verdict, judge_take
from pipeline.align.shared import whole_dance
from pipeline.align.shared.segments import in_key, separated
from pipeline.align.shared.takes import Take, free_span, genuine, segment_of
from pipeline.align.shared.whole_dance import Estimator, unmatched
from pipeline.align.sounds.feature_frames import FramedPair, Line
from pipeline.align.sounds.signal import Array
from pipeline.model import Candidate, LineMap, MethodAlignment, Progress, Segment, Sound

NAME = "modular"


def at_speed(pair: FramedPair, tones: Array) -> MethodAlignment:
    """The answer at one speed."""
    lines = tracks_of(pair, search(pair))
    found = find_takes(pair, lines)
    certain: list[Take] = []
    if not pair.stretched and len(found) > 1:
        lines = placing.sharpened(pair, lines, found)
        found = find_takes(pair, lines)
    if not pair.stretched and len(found) > 1:
        found, certain = placing.drop_takes_missing_music(pair, found)
    takes = genuine(pair, found, partial(evidence_where, pair), certain)
    del lines, found  # evidence frame by frame: of two hours, 6 MB a line
    if not takes:
        return unmatched(NAME)
    own = notes.extract(pair.dance, pair.speed, pair.dance_frames.pitch)
    verdicts = [judge_take(pair, take, notes.match(own, tones, take)) for take in takes]
    return assemble(pair, takes, verdicts)


def assemble(pair: FramedPair, takes: list[Take], verdicts: list[Verdict]) -> MethodAlignment:
    """The answer made from the takes that stand."""
    standing = [(take, v) for take, v in zip(takes, verdicts, strict=True) if v.matched]
    if not standing:
        return unmatched(NAME, max(verdicts, key=lambda v: v.score).evidence)
    main = max((verdict for _, verdict in standing), key=lambda v: v.score)
    kept = [take for take, _ in standing]
    segments: list[Segment] = []
    errors: list[tuple[float, float]] = []
    missing: list[float | None] = []
    sharp_limits: frozenset[float] = frozenset()
    for index, take in enumerate(kept):
        segment = segment_of(pair, take)
        exact = None if pair.stretched else placing.placed(pair, segment)
        if exact is None:
            segments.append(pair.on(segment.line).clipped(segment))
        else:
            on = pair.on(exact.line)
            segment, sharp = limited(on, segment.on(exact.line), free_span(pair, kept, index))
            segments.append(segment)
            said = missing_share(on, segment)
            missing.append(said)
            # In another mix much is missing within a take, which says nothing of its limits.
            if said is not None and said <= WHOLE_SHARE:
                sharp_limits |= sharp
        errors.append(placing.error_of(pair, take, exact))
    # At one speed waveforms agree, but for another key or player's version.
    unlocked = not missing and not pair.stretched
    doubt = max((share for share in missing if share is not None), default=None)
    cap = whole_dance.UNLOCKED_CONFIDENCE if unlocked else confidence_cap(doubt, main.tonal_rho)
    seconds = np.array([take.stop - take.start for take in kept]) / FRAMES_PER_SECOND
    strengths = np.array([take.strength for take in kept])
    details = {**main.evidence.details, **({} if doubt is None else {"missing": doubt})}
    whole = doubt is not None and doubt <= WHOLE_SHARE
    candidates = tuple(
        Candidate(float(lag) / FRAMES_PER_SECOND, float(pair.speed), share)
        for lag, share in main.places
    )
    return MethodAlignment(
        method=NAME,
        matched=True,
        ambiguous=main.ambiguous,
        confidence=min(main.confidence, cap),
        segments=in_key(segments, pair.dance_frames),
        candidates=candidates if main.ambiguous else candidates[1:],
        error_ms=max(stated for _, stated in errors),
        evidence=replace(main.evidence, details=details),
        sharp_limits=sharp_limits,
        score=main.score,
        weight=float(strengths @ np.sqrt(seconds)),
        confidence_cap=cap,
        present=whole and main.tonal_rho >= SAME_NOTES_RHO,
        confirmed_error_ms=max(line for line, _ in errors),
    )


def at_place(pair: FramedPair, offset: float, score: float) -> MethodAlignment:
    """The answer at an offset that is known to be right."""
    line = Line(offset * FRAMES_PER_SECOND)
    low, high = pair.overlap(line)
    line = fit_stretch(pair, line, low, high, 5e-4)
    found = find_takes(pair, [track(pair, line)])
    takes = genuine(pair, found, partial(evidence_where, pair)) or [Take(line, low, high, score)]
    sure = Verdict(matched=True, confidence=0.95, score=max(take.strength for take in takes))
    answer = assemble(pair, takes, [sure] * len(takes))
    return replace(answer, segments=separated(answer.segments))


def modular(
    dance: Sound, reference: Sound, *, hint: LineMap | None = None, progress: Progress | None = None
) -> MethodAlignment:
    """Aligns by features; see ``docs/alignment.md``."""
    tones = cache(partial(notes.extract, reference))
    return Estimator(
        NAME,
        extract,
        lambda pair: at_speed(pair, tones()),
        tempo.search,
        tempo.SPEEDS,
        speed_sigmas=6.0,
        heard_sigmas=7.6,
        chance=chance,
        at_place=at_place,
    ).align(dance, reference, hint, progress)
