"""`python -m addon.cli`."""

import sys

from . import main

sys.exit(main())
