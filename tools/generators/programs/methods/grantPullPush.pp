# Let another account pull and push
output "granted" {
  value = call(OWNER, "grantPullPush", {
    name      = "partner"
    accountId = "210987654321"
  }).RESULT
}
