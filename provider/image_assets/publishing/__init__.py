"""The one way of an image: there already? copy, build or open, send, check again, tag; and removing a tag."""
