"""Where the project lies on disk."""

from pathlib import Path

#: The project's root, with conf/ and outputs/.
ROOT = Path(__file__).resolve().parents[2]
#: The configuration, as Hydra takes it.
CONF = str(ROOT / "conf")
