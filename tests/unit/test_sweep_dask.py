"""Sweeps on a Dask cluster: a scheduler and two worker processes, one of which is killed in the middle."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from unit.sweep_runs import counted

import pml_native as pml
from pml_native.scaling import sweep

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.slow,  # starting the processes takes seconds
    pytest.mark.filterwarnings("default"),  # Dask's own
]


@pytest.fixture
def cluster(monkeypatch):
    paths = [str(Path(pml.__file__).parents[1]), str(Path(__file__).parents[1])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster


def test_a_cluster_that_loses_a_worker_gives_the_same_table(tmp_path, cluster):
    def kill_one():
        while sum(path.name.isdecimal() for path in tmp_path.iterdir()) < 20:
            time.sleep(0.01)
        with distributed.Client(cluster.scheduler_address) as client:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    settings = {"folder": str(tmp_path), "size": range(150)}
    table = sweep(counted, **settings, store=tmp_path / "runs.db", scheduler=cluster.scheduler_address)
    killer.join(timeout=30)
    assert not killer.is_alive()
    assert set(table.column("status")) == {"done"}
    assert table.column("value").tolist() == [0.1 * k for k in range(150)]


def test_a_scheduler_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("pml_native.scaling.workers.SCHEDULER_SECONDS", 0.5)
    with pytest.raises(OSError, match=r"scheduler: expected a Dask scheduler at tcp://127\.0\.0\.1:9"):
        sweep(counted, folder="", size=1, scheduler="tcp://127.0.0.1:9")
