"""DAGs of a healthy Airflow: short and long, mapped, deferred, skipped, all going well; and one that fails when it is asked to.

Paused until the soak wants them.
"""

import time
from datetime import datetime, timedelta

from _operators import DAG, BashOperator, PythonOperator

try:
    from airflow.providers.standard.operators.python import ShortCircuitOperator
    from airflow.providers.standard.sensors.time_delta import TimeDeltaSensorAsync
except ImportError:
    from airflow.operators.python import ShortCircuitOperator
    from airflow.sensors.time_delta import TimeDeltaSensorAsync


def every(seconds):
    return {
        "schedule": timedelta(seconds=seconds),
        "start_date": datetime(2026, 1, 1),
        "catchup": False,
        "is_paused_upon_creation": True,
    }


def sleep(seconds):
    # The built-in has no signature, and Airflow looks at it before it calls.
    time.sleep(seconds)


with DAG("cm_healthy_short", max_active_runs=4, **every(15)):
    BashOperator(task_id="extract", bash_command="echo 42 rows") >> PythonOperator(
        task_id="load", python_callable=sleep, op_args=[0.1]
    )

with DAG("cm_healthy_mapped", max_active_runs=4, **every(60)):
    PythonOperator.partial(task_id="each", python_callable=sleep).expand(
        op_args=[[n / 10] for n in range(8)]
    ) >> PythonOperator(task_id="sum", python_callable=sleep, op_args=[0])

with DAG("cm_healthy_long", max_active_runs=2, **every(120)):
    PythonOperator(task_id="train", python_callable=sleep, op_args=[150])

with DAG("cm_healthy_deferred", max_active_runs=4, **every(60)):
    TimeDeltaSensorAsync(task_id="wait", delta=timedelta(seconds=70))

with DAG("cm_healthy_skipped", max_active_runs=4, **every(60)):
    ShortCircuitOperator(task_id="nothing_new", python_callable=lambda: False) >> BashOperator(
        task_id="load", bash_command="echo never"
    )


def divide():
    return 1 / 0


with DAG("cm_unhealthy", schedule=None, start_date=datetime(2026, 1, 1)):
    PythonOperator(task_id="divide", python_callable=divide)
