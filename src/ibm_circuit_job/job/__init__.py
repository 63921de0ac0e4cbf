"""The handle on a job, and what it does: what it knows, what it keeps, how it waits and reads the result."""
