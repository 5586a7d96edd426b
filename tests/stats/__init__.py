"""Sums, tables and pictures of recordings."""
