"""What workers do. One module a subject; each job is one step in one transaction of its own."""

from api.jobs import news, polls, push, sign_in, uploads
from api.jobs.registry import JOBS, PERIODIC, RETRIES, Job, Schedule

__all__ = ["JOBS", "PERIODIC", "RETRIES", "Job", "Schedule", "news", "polls", "push", "sign_in", "uploads"]
