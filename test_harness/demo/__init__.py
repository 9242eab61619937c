"""The whole story on this machine, told from outside: only programs, the HTTP API and the registry are used, as a maintainer would.

The end-to-end tests run the same steps and read what they found.
"""
