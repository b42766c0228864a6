resource "api" "image-assets:index:DockerImageAsset" {
  directory = "./api"
}
