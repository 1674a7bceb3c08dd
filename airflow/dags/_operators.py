"""Where the two generations keep the same things."""

try:
    from airflow.sdk import DAG, BaseHook, Param, get_current_context  # noqa: F401
except ImportError:
    from airflow import DAG  # noqa: F401
    from airflow.hooks.base import BaseHook  # noqa: F401
    from airflow.models.param import Param  # noqa: F401
    from airflow.operators.python import get_current_context  # noqa: F401

try:
    from airflow.providers.standard.operators.bash import BashOperator  # noqa: F401
    from airflow.providers.standard.operators.python import PythonOperator  # noqa: F401
except ImportError:
    from airflow.operators.bash import BashOperator  # noqa: F401
    from airflow.operators.python import PythonOperator  # noqa: F401
