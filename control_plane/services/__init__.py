"""Use cases: keyword-only functions <entity>_<verb>(session, *, …) that load, ask the domain, write and audit."""
