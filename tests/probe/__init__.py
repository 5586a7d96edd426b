"""Probing endpoints: what is asked, what is concluded, and what becomes of it."""
