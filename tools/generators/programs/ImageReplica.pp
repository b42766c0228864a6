# Copy an image with its signatures
resource "base" "image-assets:index:ImageReplica" {
  source     = "docker.io/library/python:3.12-slim"
  repository = "registry.example.com/mirror/python"
  referrers  = true
}

output "imageDigestUri" {
  value = base.imageDigestUri
}
