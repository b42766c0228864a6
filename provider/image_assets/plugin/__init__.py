"""Everything that knows Pulumi's protocol."""
