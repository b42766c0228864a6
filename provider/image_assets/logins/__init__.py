"""One question, "the login for this registry", with all its sources."""
