"""Where decoded samples lie in time: at the container's time stamps, without their jitter.

Sample 0 is the container's start: a track that starts late begins with zeros, gaps are filled
with zeros, and what overlaps is cut. Samples are counted on from an anchor, the first frame's
stamp. A stamp that departs from the count is believed, and becomes the new anchor, when it
departs far or for long: a recorder may stamp single packets 10 ms and more late, and libavformat
stamps the Vorbis packet between a long and a short block of an Ogg file up to 46 ms too late;
each would become a hole. Where stamps begin anew (Ogg files put together), the sound goes on.

Stamps may also run a little faster or slower than the samples. In a dance they are followed, since
the picture goes by them. A reference's picture does not matter, and its music should have no
holes: it is ``steady``, and goes by its samples.

The rule is here twice: ``Clock`` for frames that are decoded in this process, ``timeline`` for
ffmpeg's filters.
"""

from __future__ import annotations

JITTER_SECONDS = 0.01
"""A stamp that departs from the count by no more than this is jitter."""
JUMP_SECONDS = 0.05
"""A stamp that departs by more than this is believed at once."""
SUSTAINED_SECONDS = 0.5
"""A stamp between the two is believed when the following ones depart as well, for so long."""
RESTART_SECONDS = 0.5
"""Stamps that go back by more than this begin anew."""
DRIFT_SECONDS = 5.0
"""In how long a steady clock takes up a departure of the stamps: with 500 millionths of drift they
then depart by 2.5 ms."""
MONO = "osf=s16:ochl=mono:rematrix_maxval=1"
STEREO = "osf=flt:ochl=stereo:rematrix_maxval=1"
"""Forms for ``converted``; mixing down never exceeds full scale."""


class Clock:
    """Where each frame of a track begins, in samples of its own rate (hertz)."""

    def __init__(self, rate: int, *, steady: bool) -> None:
        self._rate = rate
        self._steady = steady
        self._count = 0
        self._anchor = 0.0
        self._shift = 0.0
        self._since: int | None = None

    def place(self, stamp: float | None, samples: int) -> float:
        """The place of a frame of so many ``samples`` with this ``stamp`` (in samples)."""
        expected = self._anchor + self._count
        stamp = expected if stamp is None else stamp + self._shift
        off = stamp - expected
        if self._count > 0 and off < -RESTART_SECONDS * self._rate:
            self._shift -= off
            stamp, off = expected, 0.0
        if abs(off) <= JITTER_SECONDS * self._rate:
            self._since = None
            if self._steady:
                self._shift -= off * samples / (DRIFT_SECONDS * self._rate)
        elif self._since is None:
            self._since = self._count
        lasting = (
            self._since is not None and self._count - self._since >= SUSTAINED_SECONDS * self._rate
        )
        if self._count == 0 or abs(off) > JUMP_SECONDS * self._rate or lasting:
            self._anchor = stamp - self._count
            self._since = None
        place = self._anchor + self._count
        self._count += samples
        return place


def _place(steady: bool) -> str:
    """``Clock`` in ffmpeg's language: registers 0 to 4 are anchor, since, stamp, shift and off."""
    drift = f";st(3,ld(3)-ld(4)*S/({DRIFT_SECONDS}*SR))" if steady else ""
    return (
        "st(2,if(isnan(PTS),N+ld(0),PTS+ld(3)));st(4,ld(2)-N-ld(0));"
        f"if(gt(N,0)*lt(ld(4),-{RESTART_SECONDS}*SR),st(3,ld(3)-ld(4));st(2,N+ld(0));st(4,0));"
        f"if(lte(abs(ld(4)),{JITTER_SECONDS}*SR),st(1,-1){drift},if(lt(ld(1),0),st(1,N)));"
        f"if(eq(N,0)+gt(abs(ld(4)),{JUMP_SECONDS}*SR)+gte(ld(1),0)*gte(N-ld(1),{SUSTAINED_SECONDS}*SR),"
        "st(0,ld(2)-N);st(1,-1));N+ld(0)"
    )


def converted(rate: int, form: str) -> str:
    """``aresample``'s options that change the rate to ``rate`` hertz, and the ``form``."""
    return f"{rate}:{form}"


def filled(rate: int, first: int) -> str:
    """``aresample``'s options that begin with sample ``first`` and fill what is missing.

    ``first`` counts samples of this filter's *input* (that is how ``first_pts`` counts), so the
    rate has to be changed before it.
    """
    return f"{rate}:async=1:min_hard_comp={JITTER_SECONDS}:first_pts={first}"


def timeline(start_time: float, rate: int, form: str, *, steady: bool) -> str:
    """The filters that resample a track to ``rate`` hertz, sample 0 at the container's start
    (``start_time`` seconds by its stamps)."""
    fill = filled(rate, round(start_time * rate))
    return (
        f"asettb=1/sr,asetpts='{_place(steady)}',aresample={converted(rate, form)},aresample={fill}"
    )
