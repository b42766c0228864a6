"""Pulumi's protocol: its messages, its values, and the resource monitor that components register with."""
