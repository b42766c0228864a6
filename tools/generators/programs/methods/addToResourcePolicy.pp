# Add a statement
output "granted" {
  value = call(OWNER, "addToResourcePolicy", {
    name = "scanner"
    statement = {
      Effect = "Allow"
      Principal = {
        AWS = "arn:aws:iam::210987654321:root"
      }
      Action = "ecr:DescribeImageScanFindings"
    }
  }).RESULT
}
