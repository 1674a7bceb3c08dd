"""One Airflow DAG for each way in which a task dies without a word: no callback of its own ever runs."""

import os
import signal
import time
from datetime import datetime

from _operators import DAG, PythonOperator

COMMON = {"schedule": None, "start_date": datetime(2026, 1, 1), "catchup": False, "default_args": {"owner": "finance"}, "tags": ["contract"]}


def kill_supervisor():
    print("about to lose the supervisor", flush=True)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3)
    os._exit(0)


with DAG("cm_supervisor", **COMMON):
    PythonOperator(task_id="orphan", python_callable=kill_supervisor)


def outgrow():
    """Joins the memory cgroup that was made for it and takes more than it holds: the kernel's OOM killer ends it."""
    with open(os.path.join(os.environ["CM_MEMORY_CGROUP"], "cgroup.procs"), "w", encoding="utf-8") as procs:
        procs.write(str(os.getpid()))
    hoard = []
    while True:
        hoard.append(bytearray(10_000_000))


with DAG("cm_memory", **COMMON):
    PythonOperator(task_id="grow", python_callable=outgrow)
