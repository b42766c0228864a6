# The copy without the component around it
resource "base" "image-assets:index:CopiedImage" {
  source     = "docker.io/library/python:3.12-slim"
  repository = "registry.example.com/mirror/python"
}

output "imageUri" {
  value = base.imageUri
}
