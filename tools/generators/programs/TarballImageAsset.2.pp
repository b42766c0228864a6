# Let another tool make the archive, if the registry lacks the image
resource "api" "image-assets:index:TarballImageAsset" {
  repository = "registry.example.com/team/api"
  command = {
    run    = "ko build ./cmd/api --push=false --tarball api.tar"
    output = "api.tar"
    inputs = ["cmd", "go.mod", "go.sum"]
  }
}

output "imageUri" {
  value = api.imageUri
}
