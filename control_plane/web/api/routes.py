"""The one router of ``/api/v1``: reads and changes of the same path must be known to the same router."""

from ninja import Router

router = Router()
