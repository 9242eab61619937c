"""The agent in a user's cluster. Installs alone: nothing here imports the control plane."""
