"""One Airflow DAG for each cause that is diagnosed on a real Airflow, beside those of cm_endings."""

import time
from datetime import datetime, timedelta

from _operators import DAG, BaseHook, PythonOperator

COMMON = {"schedule": None, "start_date": datetime(2026, 1, 1), "catchup": False}


def connect():
    return BaseHook.get_connection("cm_no_such_connection").host


with DAG("cm_no_connection", default_args={"owner": "finance"}, tags=["contract"], **COMMON):
    PythonOperator(task_id="connect", python_callable=connect)


def dawdle():
    time.sleep(60)


with DAG("cm_timeout", default_args={"owner": "finance"}, tags=["contract"], **COMMON):
    PythonOperator(task_id="dawdle", python_callable=dawdle, execution_timeout=timedelta(seconds=2))
