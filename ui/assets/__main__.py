"""Makes mark, icons, film and sample pair anew: ``python -m ui.assets [folder]``."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.sample.film import make_film
from pipeline.sample.pair import SMALL, make_sample
from ui.assets import FILM, FOLDER
from ui.assets.icons import write_icons

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
folder.mkdir(parents=True, exist_ok=True)
write_icons(folder)
make_sample(folder, SMALL)
make_film(folder / FILM.name)
for file in sorted(folder.iterdir()):
    if file.is_file() and file.suffix != ".py":
        print(f"{file.stat().st_size:8d}  {file.name}")
