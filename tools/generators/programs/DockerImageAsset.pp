# Build a directory
resource "api" "image-assets:index:DockerImageAsset" {
  directory  = "./api"
  repository = "registry.example.com/team/api"
  buildArgs = {
    VERSION = "1.4"
  }
}

output "imageUri" {
  value = api.imageUri
}
