# The image without the component around it
resource "api" "image-assets:index:PublishedImage" {
  directory  = "./api"
  repository = "registry.example.com/team/api"
}

output "imageUri" {
  value = api.imageUri
}
