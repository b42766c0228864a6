"""Pulumi's protocol: its messages, its values, and the resource monitor that components register with.

exported_state  a stack's state as `pulumi stack export` writes it
messages        the messages and services of Pulumi's protocol, as the installed `pulumi` package has them
monitor         the engine's resource monitor (resource.proto): what components register with it and ask of it
outputs         a value together with the resources that it comes from: what passes from one registration to another
wire            Pulumi's wire values to plain Python values and back, losing nothing
"""
