"""The resource that decides about an image: `resource` is where to START READING."""
