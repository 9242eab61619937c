"""The pages: views read through ``store.queries`` and call services; they decide nothing."""
