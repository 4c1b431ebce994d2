"""The tasks that have a namespace of their own: ``models.*``, ``images.*``, ``local.*``."""
