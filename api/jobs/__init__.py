"""What workers do. One module a subject; each job is one step in one transaction of its own."""

from api.jobs.registry import JOBS, PERIODIC, Job, Schedule

__all__ = ["JOBS", "PERIODIC", "Job", "Schedule"]
