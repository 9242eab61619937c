"""Channel manifest → TUF repository → storage."""
