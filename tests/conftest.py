"""Settings that all tests share."""

from hypothesis import settings

# Machines that run tests are shared and slow: how long one example takes says nothing about the code.
settings.register_profile("tidegate", deadline=None)
settings.load_profile("tidegate")
