# Let a principal see what there is
output "granted" {
  value = call(OWNER, "grant", {
    name    = "auditor"
    actions = ["ecr:DescribeImages", "ecr:ListImages"]
    arn     = "arn:aws:iam::210987654321:user/auditor"
  }).RESULT
}
