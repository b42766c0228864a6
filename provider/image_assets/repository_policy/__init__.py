"""The resource that owns one statement in an ECR repository's policy, its document, its rules.

document  one statement at a time in the text of a policy document: everything else keeps its bytes and its order
ledger    which statements the resources of this program have, so that no resource takes away what another one needs
resource  the resource that owns one statement in an ECR repository's policy, and leaves the others alone
rules     statements of ECR repositories' policies: made, checked and compared
"""
