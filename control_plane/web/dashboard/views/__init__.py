"""One module per page: read, translate, show."""
