"""An account: the provider, its backends, and what ``run()`` sends."""
