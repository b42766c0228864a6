"""What the tests share: the real engine, the real registry, and files to make images of."""
