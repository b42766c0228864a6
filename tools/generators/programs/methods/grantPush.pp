# Let a role push
output "granted" {
  value = call(OWNER, "grantPush", {
    name = "builder"
    role = "image-builder"
  }).RESULT
}
