"""How much code there is: lines that hold code, by folder, and the modules in each.

    python -m benchmarks.code_lines [FOLDER …]

Blank lines, comments and docstrings do not count.
"""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
from pathlib import Path

PACKAGES = ("pipeline", "store", "ui", "benchmarks", "tests")
_NO_CODE = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    | {tokenize.ENDMARKER}
)


def code_lines(source: str) -> int:
    """The lines of a module that hold code."""
    used: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            used.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        text = node.value if isinstance(node, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):  # an attribute's, too
            used.difference_update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return len(used)


def table(packages: list[str]) -> str:
    """One row a folder, and one a package with all below it."""
    rows = ["| folder | modules | lines of code |", "|---|---|---|"]
    for package in packages:
        folders: dict[str, list[int]] = {}
        for path in sorted(Path(package).rglob("*.py")):
            folders.setdefault(path.parent.as_posix(), []).append(code_lines(path.read_text()))
        rows += [f"| {name} | {len(lines)} | {sum(lines)} |" for name, lines in folders.items()]
        rows.append(f"| **{package}, whole** | | {sum(map(sum, folders.values()))} |")
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", nargs="*", default=PACKAGES)
    print(table(list(parser.parse_args().folders)))
