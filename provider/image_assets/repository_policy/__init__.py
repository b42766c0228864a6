"""The resource that owns one statement in an ECR repository's policy, its document, its rules."""
