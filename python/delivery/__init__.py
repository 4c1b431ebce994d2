"""What the Invoke tasks do: model archives, images, the release file, Terraform, smoke tests and bulk
predictions.

``python/tasks.py`` is the thin command line over this package. The flow of a deployment is in
:mod:`delivery.deploy`."""
