"""The components: they compose resources and decide nothing about images."""
