"""What counts as a line of code."""

from __future__ import annotations

from benchmarks.code_lines import code_lines

SOURCE = '''"""A docstring
of two lines."""

import os  # with a comment

# a comment alone
LIMIT = 3
"""What the constant is."""


def name() -> str:
    """A docstring."""
    return """two
lines"""
'''


def test_blanks_comments_and_docstrings_do_not_count() -> None:
    assert code_lines(SOURCE) == 5
