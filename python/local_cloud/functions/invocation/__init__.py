"""How functions are invoked: the Invoke API, asynchronous events with their destinations, function URLs."""
