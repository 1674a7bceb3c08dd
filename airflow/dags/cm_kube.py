"""A pod operator against whatever Kubernetes API the kubeconfig in CM_KUBECONFIG names; without one it only has to parse."""

import os
from datetime import datetime

from _operators import DAG
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator

with DAG("cm_kube", default_args={"owner": "finance"}, tags=["contract"], schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    KubernetesPodOperator(
        task_id="pod",
        name="cm-kube",
        namespace="composer-user-workloads",
        image="python:3.12-slim",
        cmds=["true"],
        config_file=os.environ.get("CM_KUBECONFIG", "/nonexistent/kubeconfig"),
        get_logs=False,
    )
