"""News: writing it, the feed, one article, search."""
