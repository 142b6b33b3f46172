"""``python -m headrace.runtime``: the entry point of an image that has the runtime baked in."""

import sys

from headrace.runtime.process.main import main

sys.exit(main())
