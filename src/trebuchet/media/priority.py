"""What a worker asks the operating system for: descriptors, a core, precedence. Refusal is never an error."""

import contextlib
import os
import resource

REALTIME_PRIORITY = 10
"""Low among real-time priorities: above everything ordinary, below the kernel's own threads that matter."""
NICENESS = -11
"""When real time is not allowed; what sound servers use."""


def raise_descriptor_limit() -> int:
    """Up to the hard limit; returns what is allowed now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft


def stay_on_core(cpu: int) -> None:
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {cpu})


def take_precedence() -> None:
    """Real-time scheduling for the calling thread alone, or at least a better niceness."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(REALTIME_PRIORITY))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
