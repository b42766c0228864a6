"""Amazon ECR: its names and its own API.

names               hosts, ARNs and repository names
lifecycle           which images expire
settings            how AWS is reached: profile, keys, roles, endpoint
errors              what AWS answers, in the user's terms, and what to do about it, whoever said it
ecr                 logins and policies over the API; the only file that talks to AWS
"""
