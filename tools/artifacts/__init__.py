"""What a release is made of: the self-contained plugin, the packages of each language, and what vouches for them."""
