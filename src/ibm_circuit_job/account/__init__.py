"""An account on the service: the provider, its backends, and the submission of jobs."""
