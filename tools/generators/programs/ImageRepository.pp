# One repository for several assets
resource "images" "image-assets:index:ImageRepository" {
  repositoryName = "team/services"
  retention = {
    keepLast = 100
  }
  mutableTags = ["latest"]
}

resource "api" "image-assets:index:DockerImageAsset" {
  directory  = "./api"
  repository = images.repositoryUrl
  tagPrefix  = "api-"
  extraTags  = ["latest"]
}

output "imageUri" {
  value = api.imageUri
}
