"""The pure alignment core: sound windows in, an ``Alignment`` out.

``METHODS`` holds the independent methods by name. A third method is a folder here, whose module
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

from collections.abc import Callable
from importlib import import_module

from pipeline.align.judge import judge
from pipeline.align.shared.joints import with_joints
from pipeline.align.shared.usable import Fault, fault_of
from pipeline.model import VARIANTS, MethodAlignment

__all__ = ["METHODS", "Fault", "Method", "fault_of", "judge", "with_joints"]

Method = Callable[..., MethodAlignment]
"""``method(dance, reference, *, hint=None, progress=None)``."""

METHODS: dict[str, Method] = {
    name: getattr(import_module(f"pipeline.align.{name}.method"), name) for name in VARIANTS
}
"""Each method by its name."""
