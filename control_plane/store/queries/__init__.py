"""Read queries for pages: each returns plain, frozen rows in a constant number of statements."""
