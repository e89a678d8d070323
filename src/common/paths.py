"""Paths of the project."""

from pathlib import Path

#: The project's root folder, which holds conf/ and outputs/.
ROOT = Path(__file__).resolve().parents[2]
#: The configuration folder, as a string for Hydra.
CONF = str(ROOT / "conf")
