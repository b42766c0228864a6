# Publish an archive
resource "api" "image-assets:index:TarballImageAsset" {
  tarballFile = "./api.tar"
  repository  = "registry.example.com/team/api"
}

output "imageUri" {
  value = api.imageUri
}
