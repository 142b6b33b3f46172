"""``python -m headrace.compare A B``: compare two results, see `headrace.results.compare`."""

from __future__ import annotations

import sys

from headrace.results.compare import main

if __name__ == "__main__":
    sys.exit(main())
