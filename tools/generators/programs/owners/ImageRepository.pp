resource "images" "image-assets:index:ImageRepository" {
}
