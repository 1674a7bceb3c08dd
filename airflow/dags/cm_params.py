"""Airflow params of every kind a form can draw."""

import json
from datetime import datetime

from _operators import DAG, Param, PythonOperator, get_current_context


def show():
    print(json.dumps(dict(get_current_context()["params"]), ensure_ascii=False, sort_keys=True))


with DAG(
    "cm_params",
    description="Shows the params it was given.",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"owner": "data-platform"},
    tags=["contract", "form"],
    params={
        "table": Param(type="string", minLength=1, title="Table", description="Table to load, without its dataset."),
        "rows": Param(1000, type="integer", minimum=1, maximum=1000000, description="How many rows at most."),
        "ratio": Param(0.5, type="number", minimum=0, maximum=1),
        "full": Param(False, type="boolean", title="Full reload"),
        "region": Param("eu", type="string", enum=["eu", "us", "asia"], description="Where the data lives."),
        "day": Param(None, type=["null", "string"], format="date"),
        "tags": Param(["daily"], type="array", items={"type": "string"}),
        "options": Param({"dry": True}, type="object"),
        "plain": "as it is",
    },
):
    PythonOperator(task_id="show", python_callable=show)
