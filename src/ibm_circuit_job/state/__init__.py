"""The pure core: what is known of a job, and what can happen to it. No I/O, no clock, no threads."""
