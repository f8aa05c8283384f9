"""`python -m pml_native`: the command line, also where `pml-native` is not on the path."""

import sys

from .cli import main

sys.exit(main())
