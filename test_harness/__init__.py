"""The harness: proves a release in a throw-away cluster with the agent's own code."""
