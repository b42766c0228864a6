# Let another account pull
resource "partner" "image-assets:index:RepositoryPolicyStatement" {
  repositoryUrl = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/api"
  statement = {
    Effect = "Allow"
    Principal = {
      AWS = "arn:aws:iam::210987654321:root"
    }
    Action = "ecr:BatchGetImage"
  }
}

output "sid" {
  value = partner.sid
}
