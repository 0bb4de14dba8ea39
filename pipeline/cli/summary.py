"""The last lines of the command line: where the results are, and how sure the answer is."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.job.model import Outcome
from pipeline.model import BEST_FIRST

LEAST_MS = 0.1
"""A smaller difference is shown as less than this."""


def lines(outcome: Outcome) -> Iterator[str]:
    """The results' paths, how far the methods agree, and how sure the answer is."""
    for name in BEST_FIRST:
        variant = outcome.variants.get(name)
        if variant is not None and variant.output is not None:
            yield f"{name}: {variant.output}"
    alignment = outcome.alignment
    if alignment.get("by_hand"):
        yield "placed by hand; there was nothing to refine it by"
        return
    if any(warning.get("code") == "same_file" for warning in outcome.warnings):
        return  # that they agree is no merit, and the note says what is wrong
    apart = alignment.get("agreement_ms")
    agree = (
        "only one method has an answer" if apart is None else f"the methods agree to {_ms(apart)}"
    )
    if alignment.get("ambiguous"):
        agree = "the music fits in more than one place, see the candidates"
    yield f"{agree}; confidence {alignment.get('confidence', 0.0):.0%}"


def _ms(apart: float) -> str:
    return f"less than {LEAST_MS:g} ms" if apart < LEAST_MS else f"{apart:.1f} ms"
