"""The checks of scikit-learn that PrecisionRegressor passes, fails or skips, for several of its options.

python bench/estimator_checks.py
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections import Counter
from typing import Any

OPTIONS: tuple[dict[str, Any], ...] = (
    {"effort": 0.01},
    {"effort": 0.0},
    {"method": "polynomial", "effort": 0.01},
    {"method": "rbf", "effort": 0.01},
)


def results(options: dict[str, Any]) -> list[dict[str, Any]]:
    """One for each check: its check_name, status and exception."""
    from sklearn.utils.estimator_checks import check_estimator

    from pml_native import PrecisionRegressor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: list[dict[str, Any]] = check_estimator(PrecisionRegressor(**options), on_skip=None, on_fail=None)
    return found


def main() -> int:
    os.environ["SCIPY_ARRAY_API"] = "1"  # read when SciPy is imported; without it a check is skipped
    import sklearn

    print(f"check_estimator of scikit-learn {sklearn.__version__}")
    all_passed = True
    for options in [json.loads(argument) for argument in sys.argv[1:]] or OPTIONS:
        checks = results(options)
        count = Counter(check["status"] for check in checks)
        others = ", ".join(f"{n} {status}" for status, n in count.items() if status != "passed") or "none skipped"
        named = ", ".join(f"{name}={value!r}" for name, value in options.items())
        print(f"PrecisionRegressor({named}): {count['passed']} of {len(checks)} checks passed, {others}")
        for check in checks:
            if check["status"] != "passed":
                print(f"  {check['check_name']}: {check['status']}, {check['exception']!r}")
        all_passed &= len(checks) == count["passed"]
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main())
