"""An Airflow DAG of tasks that only sleep, 1 to 4 seconds, so that what they wait is the queue's doing."""

import time
from datetime import datetime

from _operators import DAG, PythonOperator

COMMON = {"schedule": None, "start_date": datetime(2026, 1, 1), "catchup": False}


def sleep(seconds):
    # The built-in has no signature, and Airflow looks at it before it calls.
    time.sleep(seconds)


with DAG("cm_soak", max_active_runs=100, **COMMON):
    for i in range(30):
        PythonOperator(task_id=f"sleep_{i}", python_callable=sleep, op_args=[1 + (i * 7 % 31) / 10])

# When it is done, the worker takes tasks.
with DAG("cm_warm", **COMMON):
    PythonOperator(task_id="done", python_callable=sleep, op_args=[0])
