"""Docker Engine, command-line programs, kind node image and base images where no image registry can be reached.

Used only where needed: `provisioning.choose_provisioning` decides from facts and gives its reasons. Everything made
here lies in the cache directory under a key of its versions and sources, is written beside its place and renamed, and
carries a checksum; so a second run finds it, and a run that was killed half way leaves nothing that could be mistaken
for a result.
"""
