"""Who may import whom. Read from the source: also imports inside functions and for types only.

Fails on an arrow up, on a circle, on an import past a face, and on a library outside its place.
A face is the ``__all__`` of a folder's ``__init__``: what stands there may be imported from
outside the folder, and nothing else of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

Order = Sequence[tuple[str, ...]]

ORDER: Order = (
    # Each line may import the lines above it; folders of one line do not import each other.
    # A package's root is its ground: it comes first and imports none of its folders.
    ("files",),
    ("store",),
    ("store/file",),
    ("store/records",),
    ("store/retention",),
    ("store/commit",),
    ("store/tasks",),
    ("store/cli",),
    ("pipeline",),
    ("pipeline/media",),
    ("pipeline/sound",),
    ("pipeline/previews",),
    ("pipeline/align",),
    ("pipeline/align/sounds",),
    ("pipeline/align/shared",),
    ("pipeline/align/modular", "pipeline/align/v2"),
    ("pipeline/plan",),
    ("pipeline/render", "pipeline/sample"),
    ("pipeline/job",),
    ("pipeline/child",),
    ("pipeline/engine",),
    ("pipeline/tasks",),
    ("pipeline/running",),
    ("pipeline/cli",),
    ("ui",),
    ("ui/assets", "ui/components", "ui/words/catalogue"),
    ("ui/words",),
    ("ui/web",),
    ("ui/incoming",),
    ("ui/routes",),
    ("ui/parts",),
    ("ui/table",),
    ("ui/player",),
    ("ui/correct",),
    ("ui/task", "ui/upload"),
    ("ui/pages",),
    ("",),  # what is started: the app's own files
    ("benchmarks",),
    ("benchmarks/cases",),
    (
        "benchmarks/abuse",
        "benchmarks/alignment",
        "benchmarks/dashboard",
        "benchmarks/render",
        "benchmarks/store",
    ),
    ("benchmarks/rules",),
)

NEVER = {
    # folder, its folders included: packages and libraries that it does not import
    "files": ("store", "pipeline", "ui", "streamlit"),
    "store": ("pipeline", "ui", "streamlit"),
    "pipeline": ("ui", "streamlit"),
    "pipeline/media": ("store",),
    "pipeline/previews": ("store",),
    "pipeline/align": ("store", "pipeline/media"),
    "pipeline/plan": ("store",),
    "pipeline/render": ("store",),
    "pipeline/job": ("store",),
    "pipeline/child": ("store",),
    "ui/web": ("streamlit",),
    "ui/incoming": ("streamlit",),
    "ui/routes": ("streamlit",),
}

PAST_FACES = ("benchmarks",)
"""Packages that measure parts of the others one by one, past their faces."""

DOORS = ("__init__", "__main__")
"""Modules of a root that may import its folders."""


def find_modules(root: Path, order: Order) -> dict[str, Path]:
    """Every module of the program: its file without suffix, relative to ``root``."""
    tops = {folder.split("/")[0] for line in order for folder in line}
    files = [file for top in tops for file in (root / top).glob("**/*.py" if top else "*.py")]
    return {file.relative_to(root).with_suffix("").as_posix(): file for file in files}


def imported(file: Path) -> Iterator[tuple[str, str | None]]:
    """Each import of a file: the module as a path, and the name taken from it."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.replace(".", "/"), None
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{file}: a relative import"
            for alias in node.names:
                yield node.module.replace(".", "/"), alias.name


def face(modules: Mapping[str, Path], folder: str) -> set[str]:
    """What the folder's ``__init__`` names in ``__all__``; nothing where there is none."""
    for node in ast.parse(modules[f"{folder}/__init__"].read_text("utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=names):
                return set(ast.literal_eval(names))
            case _:
                pass
    return set()


def folder_of(module: str) -> str:
    return module.rpartition("/")[0]


def lies_in(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")


def complaints(root: Path, order: Order = ORDER) -> list[str]:
    """What is wrong with the imports of the program in ``root``, a line for each."""
    modules = find_modules(root, order)
    place = {folder: number for number, line in enumerate(order) for folder in line}
    graph: dict[str, set[str]] = {}
    found: list[str] = []
    for module, file in modules.items():
        own = folder_of(module)
        if own not in place:
            found.append(f"{own}/ stands nowhere in the order")
            continue
        for target, name in imported(file):
            full = f"{target}/{name}"
            to = next(
                (
                    m
                    for m in (full, f"{full}/__init__", target, f"{target}/__init__")
                    if m in modules
                ),
                None,
            )
            for folder, refused in NEVER.items():
                for other in refused:
                    if lies_in(own, folder) and lies_in(folder_of(to) if to else target, other):
                        found.append(f"{module} imports {other}, which {folder}/ never does")
            if to is None:
                continue
            graph.setdefault(module, set()).add(to)
            there = folder_of(to)
            is_door = module.rpartition("/")[2] in DOORS and lies_in(there, own) and own
            if own != there and not is_door and place.get(there, -1) >= place[own]:
                found.append(f"{module} imports {to}, which does not lie below it")
            found += [
                f"{module} imports {to} past the face of {package}/"
                for package, part in _gates(to)
                if not lies_in(own, package)
                and not lies_in(own, PAST_FACES[0])
                and part not in face(modules, package)
            ]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append("a circle: " + " <- ".join(error.args[1]))
    return sorted(set(found))


def _gates(module: str) -> Iterator[tuple[str, str]]:
    """The folders around a module, each with the name that has to stand in its face."""
    parts = module.removesuffix("/__init__").split("/")
    for depth in range(1, len(parts)):
        yield "/".join(parts[:depth]), parts[depth]


def test_imports_flow_one_way() -> None:
    assert complaints(ROOT) == []


def bound(file: Path) -> set[str]:
    """The names that a module imports, defines or assigns at its top."""
    names: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        match node:
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                pass
    return names


def absent(root: Path, order: Order = ORDER) -> list[str]:
    """What stands in a face without being there: neither a module of the folder nor a name."""
    modules = find_modules(root, order)
    return [
        f"{folder}/ has no {name}"
        for folder in (m.removesuffix("/__init__") for m in modules if m.endswith("/__init__"))
        for name in sorted(face(modules, folder) - bound(modules[f"{folder}/__init__"]))
        if f"{folder}/{name}" not in modules and f"{folder}/{name}/__init__" not in modules
    ]


def test_every_face_names_what_is_there() -> None:
    assert absent(ROOT) == []


SMALL: Order = (
    ("store",),
    ("pipeline",),
    ("pipeline/media",),
    ("pipeline/sound",),
    ("pipeline/align", "pipeline/plan"),
    ("ui",),
    ("ui/routes",),
)
SOUND = {
    "store/__init__.py": "from store.model import Task\n__all__ = ['Task']\n",
    "store/model.py": "class Task: ...\n",
    "pipeline/__init__.py": "__all__ = ['media', 'reasons']\n",
    "pipeline/__main__.py": "from pipeline.plan import make\n",
    "pipeline/reasons.py": "",
    "pipeline/media/__init__.py": "__all__ = ['probe']\n",
    "pipeline/media/probe.py": "from pipeline import reasons\nfrom pipeline.media import packets\n",
    "pipeline/media/packets.py": "import json\n",
    "pipeline/align/__init__.py": "__all__ = ['judge']\n",
    "pipeline/align/judge.py": "",
    "pipeline/plan/__init__.py": "__all__ = ['make']\n",
    "pipeline/plan/make.py": "from pipeline.media.probe import probe\n",
    "ui/__init__.py": "",
    "ui/page.py": "import streamlit\nfrom pipeline.media import probe\nfrom store import Task\n",
    "ui/routes/__init__.py": "",
    "ui/routes/files.py": "import starlette\n",
}


def made_up(root: Path, changes: Mapping[str, str]) -> Path:
    for name, text in (SOUND | dict(changes)).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_name_without_a_module_is_found(tmp_path: Path) -> None:
    changes = {"pipeline/media/__init__.py": "__all__ = ['probe', 'size_cap']\n"}
    assert absent(made_up(tmp_path, changes), SMALL) == ["pipeline/media/ has no size_cap"]


def test_a_sound_tree_passes(tmp_path: Path) -> None:
    assert complaints(made_up(tmp_path, {}), SMALL) == []


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("pipeline/media/packets.py", "from pipeline.plan import make", "does not lie below"),
        ("pipeline/media/packets.py", "import pipeline.plan.make", "does not lie below"),
        ("pipeline/media/packets.py", "def f():\n    import pipeline.plan.make", "not lie below"),
        ("pipeline/reasons.py", "from pipeline.media.probe import probe", "does not lie below"),
        ("pipeline/plan/make.py", "from pipeline.align.judge import judge", "does not lie below"),
        ("store/model.py", "from pipeline import reasons", "store/ never does"),
        (
            "pipeline/reasons.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ui.page import Page",
            "pipeline/ never does",
        ),
        ("pipeline/media/packets.py", "from pipeline.media import probe", "a circle"),
        ("store/model.py", "from store import Task", "a circle"),
        ("pipeline/plan/make.py", "from pipeline.media.packets import Packet", "past the face"),
        ("pipeline/plan/make.py", "from pipeline.media import packets", "past the face"),
        ("ui/page.py", "from store.model import Task", "past the face of store/"),
        ("ui/page.py", "from pipeline.plan import make", "past the face of pipeline/"),
        ("pipeline/media/packets.py", "import streamlit as st", "pipeline/ never does"),
        ("pipeline/plan/make.py", "def f():\n    from streamlit.web import x", "pipeline/ never"),
        ("ui/routes/files.py", "import streamlit", "ui/routes/ never does"),
        ("pipeline/align/judge.py", "from pipeline.media import probe", "pipeline/align/ never"),
        ("pipeline/new/thing.py", "", "stands nowhere in the order"),
    ],
)
def test_what_goes_wrong_is_found(file: str, text: str, complaint: str, tmp_path: Path) -> None:
    found = complaints(made_up(tmp_path, {file: f"{text}\n"}), SMALL)
    assert any(complaint in one for one in found), found
