"""Airflow 2: roles and users in one process; each `airflow users create` would take seconds. Argument: file with name -> password."""

import json
import sys

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

with open(sys.argv[1], encoding="utf-8") as file:
    passwords = json.load(file)

with get_application_builder() as builder:
    builder.add_permissions(update_perms=True)
    # Without this every role but Admin and Public is refused.
    builder.sm.sync_roles()
    for name, password in passwords.items():
        role = builder.sm.find_role(name.capitalize())
        builder.sm.add_user(name, name, "Test", f"{name}@example.com", role, password)
