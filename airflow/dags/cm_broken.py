"""A DAG that Airflow cannot import, on purpose."""

import a_module_that_does_not_exist  # noqa: F401
