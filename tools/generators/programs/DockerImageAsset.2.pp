# In a monorepo, count what the Dockerfile takes
resource "api" "image-assets:index:DockerImageAsset" {
  directory  = "."
  file       = "services/api/Dockerfile"
  scope      = "dockerfile"
  repository = "registry.example.com/team/api"
}

output "imageUri" {
  value = api.imageUri
}
