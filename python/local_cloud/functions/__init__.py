"""AWS Lambda of the local cloud: functions from images, run for real."""
