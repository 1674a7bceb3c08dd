"""One Airflow DAG for each way in which a run can end."""

import os
import signal
import time
from datetime import datetime, timedelta

from _operators import DAG, BashOperator, PythonOperator, get_current_context

COMMON = {"schedule": None, "start_date": datetime(2026, 1, 1), "catchup": False}


def say(words):
    print(words)


with DAG(
    "cm_success",
    description="Three small tasks, one after the other.",
    default_args={"owner": "data-platform"},
    tags=["contract", "quick"],
    **COMMON,
):
    extract = PythonOperator(task_id="extract", python_callable=say, op_args=["extracted 42 rows"])
    transform = BashOperator(task_id="transform", bash_command="echo transformed")
    load = PythonOperator(task_id="load", python_callable=say, op_args=["loaded 42 rows"])
    extract >> transform >> load


def wait():
    seconds = float((get_current_context()["dag_run"].conf or {}).get("seconds", 8))
    time.sleep(seconds)


with DAG("cm_slow", default_args={"owner": "data-platform"}, tags=["contract"], **COMMON):
    PythonOperator(task_id="wait", python_callable=wait)


def fail_once():
    if get_current_context()["ti"].try_number == 1:
        raise ConnectionError("upstream was away for a moment")
    print("the second try works")


with DAG("cm_retry", default_args={"owner": "data-platform"}, tags=["contract"], **COMMON):
    PythonOperator(task_id="flaky", python_callable=fail_once, retries=2, retry_delay=timedelta(seconds=1))


def divide():
    return 1 / 0


with DAG("cm_fail", default_args={"owner": "finance"}, tags=["contract"], **COMMON):
    PythonOperator(task_id="divide", python_callable=divide) >> PythonOperator(
        task_id="report", python_callable=say, op_args=["never said"]
    )


def die():
    print("about to be killed", flush=True)
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


with DAG("cm_sigkill", default_args={"owner": "finance"}, tags=["contract"], **COMMON):
    PythonOperator(task_id="die", python_callable=die)


def double(number):
    print(f"{number} doubled is {number * 2}")


with DAG("cm_mapped", default_args={"owner": "data-platform"}, tags=["contract"], **COMMON):
    PythonOperator.partial(task_id="double", python_callable=double).expand(op_args=[[1], [2], [3]])


# Its schedule is no cron expression, and paused it starts nothing.
with DAG(
    "cm_paused", is_paused_upon_creation=True, tags=["contract"], **{**COMMON, "schedule": timedelta(days=1, minutes=30)}
):
    PythonOperator(task_id="never", python_callable=say, op_args=["never said"])


with DAG(
    "売上_日次集計",
    description="日次の売上を集計します。",
    default_args={"owner": "経理"},
    tags=["contract", "日次"],
    **COMMON,
):
    PythonOperator(task_id="集計", python_callable=say, op_args=["集計しました"])
