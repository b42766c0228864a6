"""Amazon ECR: its names, its own API, and the policies of its repositories.

names               hosts, ARNs and repository names
policy              statements: what is allowed to whom, checked
policy_document     one statement within a policy's text
lifecycle           which images expire
errors              what AWS answers, in the user's terms
ecr                 logins and policies over the API; the only file that talks to AWS
"""
