resource "base" "image-assets:index:ImageReplica" {
  source = "docker.io/library/python:3.12-slim"
}
