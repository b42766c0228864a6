# Let a service pull
output "granted" {
  value = call(OWNER, "grantPull", {
    name    = "lambda"
    service = "lambda.amazonaws.com"
  }).RESULT
}
