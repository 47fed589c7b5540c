"""Write the parse tables of the grammar into the package: `python -m contractlang.syntax.generate`."""

from __future__ import annotations

import sys

from contractlang.syntax.tables import write_tables

if __name__ == "__main__":
    sys.stdout.write(f"wrote {write_tables().name}\n")
