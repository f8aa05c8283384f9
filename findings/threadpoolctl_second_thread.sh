#!/usr/bin/env bash
# threadpoolctl 3.8.0 with numpy 2.4.6 (OpenBLAS on pthreads), CPython 3.11, Linux x86-64: once one thread of Python has
# set a limit for BLAS and kept it, `threadpool_limits` of any other thread does nothing, and says nothing. A worker
# thread that asks for one BLAS thread, for results that don't depend on their number, goes on with all of them.
# 3.6.0 sets the limit from any thread.
#
# Seen:
#   3.6.0: second thread asked for 1, has 1
#   3.8.0: second thread asked for 1, has 2
#
# It touches us: `fit` holds BLAS at one thread so that its results repeat, and may be called from any thread. There
# (search/scheduler.py) control is taken and given up around every setting, under a lock of our own; tests/unit/
# test_scheduler.py holds it from two threads.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cat > "$place/two_threads.py" <<'PYTHON'
import threading

import numpy  # its OpenBLAS is what is limited
import threadpoolctl


def blas_threads():
    return [one["num_threads"] for one in threadpoolctl.threadpool_info() if one["user_api"] == "blas"][0]


def second():
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        print(f"{threadpoolctl.__version__}: second thread asked for 1, has {blas_threads()}")


threadpoolctl.threadpool_limits(2, user_api="blas")  # kept by the main thread
thread = threading.Thread(target=second)
thread.start()
thread.join()
PYTHON

python3 -m venv "$place/environment"
for version in 3.6.0 3.8.0; do
  "$place/environment/bin/pip" install --quiet numpy==2.4.6 "threadpoolctl==$version"
  OPENBLAS_NUM_THREADS=2 "$place/environment/bin/python" "$place/two_threads.py"
done | tee "$place/seen"

diff "$place/seen" - <<'EXPECTED'
3.6.0: second thread asked for 1, has 1
3.8.0: second thread asked for 1, has 2
EXPECTED
echo "as it was seen"
