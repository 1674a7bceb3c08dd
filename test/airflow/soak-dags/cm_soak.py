"""Tasks that only sleep, 1 to 4 seconds, so that what they wait is the queue's doing."""

import time
from datetime import datetime

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG
try:
    from airflow.providers.standard.operators.python import PythonOperator
except ImportError:
    from airflow.operators.python import PythonOperator


def sleep(seconds):
    # The built-in has no signature, and Airflow looks at it before it calls.
    time.sleep(seconds)


with DAG("cm_soak", schedule=None, start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=100):
    for i in range(30):
        PythonOperator(task_id=f"sleep_{i}", python_callable=sleep, op_args=[1 + (i * 7 % 31) / 10])
