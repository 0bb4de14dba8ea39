"""The pure alignment core: sound windows in, an ``Alignment`` out.

``METHODS`` holds the independent methods by name; each is imported when it is first
called, so that the command line starts fast. A third method is a folder here, whose module
``method`` has a function of the folder's name, and that name in ``pipeline.model.VARIANTS``.

Each method has its own features, search, speed search, fit, exact place, evidence, coverage and
verdict: all that estimates where the music is. What follows from an estimate is written once,
in ``shared``: rules on takes, segments, pauses, gaps and echoes; and in ``sounds`` what is computed
of samples: frames, sums of products along a line, the change point of a balance, how far a line is
off. A mistake of those rules is a mistake of both
methods; the judge counts the second method's word by how seldom they err together
(``INDEPENDENT_SHARE``).

Every constant has its meaning and unit beside it, and its source: the command that measures it or
the paper it is from. Where neither is said it was chosen;
``python -m benchmarks.rules.ablate`` says what the rule that it belongs to is worth.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from pipeline.align.judge import judge
from pipeline.align.shared.joints import with_joints
from pipeline.align.shared.usable import SoundReport, describe_sound
from pipeline.model import VARIANTS, MethodAlignment, Sound

__all__ = ["METHODS", "Method", "SoundReport", "describe_sound", "judge", "with_joints"]

Method = Callable[..., MethodAlignment]
"""``method(dance, reference, *, hint=None, progress=None)``."""


def _method(name: str) -> Method:
    """The method of a name, whose module is imported at the first call."""

    def call(dance: Sound, reference: Sound, **options: Any) -> MethodAlignment:
        module = importlib.import_module(f"pipeline.align.{name}.method")
        function: Method = getattr(module, name)
        return function(dance, reference, **options)

    return call


METHODS: dict[str, Method] = {name: _method(name) for name in VARIANTS}
