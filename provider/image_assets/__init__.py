"""The image-assets provider: source or archive in, an image named by its content out.

Start reading in `published_image`, the resource that takes every decision about an image.
"""

__version__ = "0.1.0"
