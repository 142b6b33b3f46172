"""``python -m framework.runtime``: the entry point of an image that has the runtime baked in."""

import sys

from framework.runtime.main import main

sys.exit(main())
