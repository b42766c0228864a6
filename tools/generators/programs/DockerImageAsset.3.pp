# For another platform, with a cache beside the image
resource "api" "image-assets:index:DockerImageAsset" {
  directory  = "./api"
  repository = "registry.example.com/team/api"
  platform   = "linux/arm64"
  cache      = "registry"
}

output "imageDigestUri" {
  value = api.imageDigestUri
}
