"""PURE rules: no I/O, no clock, no random. Facts and ``now`` come in as arguments, a decision comes out."""
