"""The downstream package is imported as an installed one would be."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
