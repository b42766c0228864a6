resource "api" "image-assets:index:TarballImageAsset" {
  tarballFile = "./api.tar"
}
