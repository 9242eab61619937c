"""What the API answers to reads: immutable rows, made in a constant number of queries each."""
