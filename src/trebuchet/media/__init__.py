"""Media: the array engine, the worker process around it, and its face towards call control."""
