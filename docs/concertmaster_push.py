"""Tells Concertmaster at once that a task failed. For Airflow 2.6 to 3.x; nothing to install.

Put this file into the DAGs folder (as a callback) or into the plugins folder (as a listener for every DAG), and set on the
workers:

    CONCERTMASTER_PUSH_URL      https://bot.example.com/push/prod
    CONCERTMASTER_PUSH_SECRET   the secret of `watch.push` in concertmaster.yaml

It never fails or delays a task for longer than TIMEOUT_S, and it sends no log, no conf and no error: Concertmaster reads the
try from Airflow itself. Without it failures are noticed too, a few seconds later.
"""

import hashlib
import hmac
import json
import logging
import os
import time
import urllib.request
from urllib.parse import urlsplit

TIMEOUT_S = 2
log = logging.getLogger(__name__)


def push(task_instance):
    """Sends which try failed. Anything that goes wrong here is logged and forgotten."""
    url = os.environ.get("CONCERTMASTER_PUSH_URL", "")
    secret = os.environ.get("CONCERTMASTER_PUSH_SECRET", "")
    if not url or not secret:
        return
    try:
        map_index = getattr(task_instance, "map_index", -1)
        body = json.dumps(
            {
                "dag_id": task_instance.dag_id,
                "run_id": task_instance.run_id,
                "task_id": task_instance.task_id,
                "map_index": -1 if map_index is None else map_index,
                "try_number": task_instance.try_number,
            }
        ).encode()
        timestamp = str(int(time.time()))
        signed = f"{timestamp}.{urlsplit(url).path}.".encode() + body
        signature = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        request = urllib.request.Request(
            url,
            data=body,
            headers={
                "Content-Type": "application/json",
                "X-Concertmaster-Timestamp": timestamp,
                "X-Concertmaster-Signature": f"v1={signature}",
            },
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S):
            pass
    except Exception as error:
        log.warning("Concertmaster was not told: %s", error)


def on_failure(context):
    """A callback: `default_args={"on_failure_callback": on_failure, "on_retry_callback": on_failure}`."""
    push(context["ti"])


try:
    from airflow.listeners import hookimpl
    from airflow.plugins_manager import AirflowPlugin
except ImportError:
    # Outside of Airflow there is nothing to listen to.
    hookimpl = AirflowPlugin = None

if AirflowPlugin is not None:

    class Listener:
        """A listener: every failing task of every DAG, retries included. Airflow calls it in the task's own process."""

        @hookimpl
        def on_task_instance_failed(self, previous_state, task_instance):
            push(task_instance)

    class ConcertmasterPlugin(AirflowPlugin):
        name = "concertmaster_push"
        listeners = [Listener()]
