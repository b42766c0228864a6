"""Everything that knows Pulumi's protocol.

cancellation   what is cancelled when: everything when the deployment ends, one job when its time is over
columns        how much of a text fits into a row of the command line's table
composing      answering for components: in full, or with nothing once the deployment is over
diffs          changes in the protocol's own form (provider.proto, `DiffResponse`)
display        whether whoever follows a deployment sees rows that are drawn anew, or a log that only grows
jobs           blocking work on threads of its own: what reads files, builds and talks to registries
later          RPCs that are answered by a service which comes after the server has started
lifeline       noticing that the engine is gone: one that was killed tells nobody
newest         passing on the newest text of each row, not more often than it can be read, and the last one always
reporter       the engine's log: status lines in a resource's row, and permanent lines
rpc_errors     how failures travel: as a proper gRPC status, never as a traceback, and without any secret
server         the plugin's process: what it is started with, and for whom
servicer       the RPCs of Pulumi's provider protocol (provider.proto)
serving        the port comes first, then what answers; all ends with the engine
"""

import sys

if sys.platform == "win32":
    sys.exit(
        "image-assets does not run on Windows itself: run pulumi in the Windows Subsystem for Linux (`wsl --install`), "
        "where Docker Desktop offers its engine too"
    )
