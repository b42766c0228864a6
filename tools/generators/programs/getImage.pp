# Ask a registry
image = invoke("image-assets:index:getImage", {
  reference = "registry.example.com/team/api:stable"
  platform  = "linux/arm64"
})

output "digest" {
  value = image.imageDigest
}

output "labels" {
  value = image.labels
}
