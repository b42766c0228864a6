# An ECR repository of the asset's own, which AWS Lambda may pull from
resource "job" "image-assets:index:DockerImageAsset" {
  directory = "./job"
  pullPrincipals = [{
    name    = "lambda"
    service = "lambda.amazonaws.com"
  }]
}

output "imageUri" {
  value = job.imageUri
}
